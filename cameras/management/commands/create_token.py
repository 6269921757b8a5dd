"""`manage.py create_token`: a machine's credential, alone on standard output."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.utils import timezone

from cameras.management.terminal import site_named
from cameras.models import Camera
from cameras.rules import parse_uuid
from controlplane.access import tokens
from controlplane.access.principals import Role, unlimited
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:create_token").author("command")
MAX_NAME = 100
MAX_DAYS = 36_500

ROLES = """\
roles:
  viewer         reads cameras, sites, changes and telemetry
  operator       is a viewer that may start and stop cameras
  administrator  is an operator that may do everything but post telemetry
  orchestrator   is a viewer that may read connection strings
  worker         posts telemetry and nothing else; bound to a camera, it may also read
                 that camera and its connection string

example:
  manage.py create_token gate-worker --role worker --camera 6f2c1b1e-... --expires 90 > token

The token is shown this once: only its digest is stored. It is revoked in the admin, under Tokens.
"""


class Command(CommandWithEpilog):
    help = "Make a token for a machine, and print it, alone on one line, to standard output."
    epilog = ROLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose token this is; the change log names it")
        parser.add_argument("--role", required=True, help=f"one of {', '.join(Role.values)}")
        parser.add_argument("--camera", metavar="ID", help="bind it to one camera")
        parser.add_argument("--site", metavar="NAME", help="bind it to one site, by its name or its id")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="let it expire; never, by default")

    @needs_database()
    def handle(self, *, name: str, role: str, **options: Any) -> None:
        now = timezone.now()
        days: int | None = options["expires"]
        name = name.strip()
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise CommandError(f"Give the token a printable name of 1 to {MAX_NAME} characters.")
        if role not in Role.values:
            raise CommandError(f"There is no such role. Use one of {', '.join(Role.values)}.")
        if options["camera"] and options["site"]:
            raise CommandError("A token is bound to one camera or to one site: give --camera or --site.")
        if days is not None and not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--expires is a number of days from 1 to {MAX_DAYS:,}; leave it out for never.")
        camera = _camera(options["camera"]) if options["camera"] is not None else None
        site = site_named(options["site"])
        expires_at = now + timedelta(days=days) if days else None
        _, secret = tokens.create_token(
            name=name,
            role=role,
            by=AUTHOR,
            now=now,
            camera_id=camera.pk if camera else None,
            site_id=site.pk if site else None,
            expires_at=expires_at,
        )
        bound = f", bound to the {camera or site}" if camera or site else ""
        expiry = f", expires on {expires_at:%Y-%m-%d at %H:%M} UTC" if expires_at else ", does not expire"
        self.stderr.write(f"Token of {name} ({role}{bound}{expiry}). It cannot be shown again.", style_func=str)
        self.stdout.write(secret)


def _camera(text: str) -> Camera:
    camera_id: UUID | None = parse_uuid(text)
    camera = Camera.objects.filter(pk=camera_id).first() if camera_id else None
    if camera is None:
        raise CommandError("There is no camera with this id. GET /cameras and the admin list the ids.")
    return camera
