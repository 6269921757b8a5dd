"""`manage.py create_token`: a machine's credential, alone on standard output."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cameras.intent import parse_uuid
from cameras.models import Camera, Site
from controlplane.access import tokens
from controlplane.access.models import Role
from controlplane.access.principals import Author

AUTHOR = Author("command:create_token", "command")
MAX_NAME = 100
MAX_DAYS = 36_500

ROLES = """\
roles:
  viewer         reads cameras, sites, changes and telemetry
  operator       is a viewer that may start and stop cameras
  administrator  is an operator that may do everything
  orchestrator   is a viewer that may read connection strings
  worker         posts telemetry and nothing else; bound to a camera, it may also read
                 that camera and its connection string

example:
  manage.py create_token gate-worker --role worker --camera 6f2c1b1e-... --expires 90 > token

The token is shown this once: only its digest is stored. It is revoked in the admin, under Tokens.
"""


class Command(BaseCommand):
    help = "Make a token for a machine, and print it, alone on one line, to standard output."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        # Django's own formatter would run the lines of the epilog together.
        parser = super().create_parser(prog_name, subcommand, epilog=ROLES, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose token this is; the change log names it")
        parser.add_argument("--role", required=True, help=f"one of {', '.join(Role.values)}")
        parser.add_argument("--camera", metavar="ID", help="bind it to one camera")
        parser.add_argument("--site", metavar="NAME", help="bind it to one site, by its name or its id")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="let it expire; never, by default")

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
        site = _site(options["site"]) if options["site"] is not None else None
        _, secret = tokens.create_token(
            name=name,
            role=role,
            by=AUTHOR,
            now=now,
            camera_id=camera.pk if camera else None,
            site_id=site.pk if site else None,
            expires_at=now + timedelta(days=days) if days else None,
        )
        bound = f", bound to the {camera or site}" if camera or site else ""
        expiry = f", expires in {days} days" if days else ", does not expire"
        self.stderr.write(f"Token of {name} ({role}{bound}{expiry}). It cannot be shown again.", style_func=str)
        self.stdout.write(secret)


def _camera(text: str) -> Camera:
    camera_id: UUID | None = parse_uuid(text)
    camera = Camera.objects.filter(pk=camera_id).first() if camera_id else None
    if camera is None:
        raise CommandError("There is no camera with this id. GET /cameras and the admin list the ids.")
    return camera


def _site(text: str) -> Site:
    site_id = parse_uuid(text)
    found = Site.objects.filter(name=text).first() or (
        Site.objects.filter(pk=site_id).first() if site_id else None
    )
    if found is None:
        known = list(Site.objects.order_by("name").values_list("name", flat=True)[:10])
        names = f" Known are: {', '.join(known)}." if known else " There is none yet."
        raise CommandError(f"There is no site with this name or id.{names}")
    return found
