"""`manage.py create_token`: a machine's credential, alone on standard output."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError
from django.utils import timezone

from cameras import names
from cameras.management.terminal import plain, site_named
from cameras.models import Camera
from cameras.rules import parse_uuid
from controlplane.access import tokens
from controlplane.access.principals import Role, unlimited
from controlplane.access.scope import WHOLE_FLEET, Scope
from controlplane.commands import CommandWithEpilog, needs_database

AUTHOR = unlimited("command:create_token").author("command")
MAX_NAME = 100
MAX_DAYS = 36_500

ROLES = """\
roles:
  viewer         reads cameras, sites, changes and telemetry
  operator       is a viewer that may start and stop cameras
  administrator  is an operator that may do everything but post telemetry
  orchestrator   is a viewer that may read connection strings, place workers, and make
                 tokens for them
  worker         posts telemetry and nothing else; bound to sites or cameras, it may also
                 read and watch those cameras, and read their connection strings

examples:
  manage.py create_token gate-worker --role worker --camera 6f2c1b1e-... --expires 90 > token
  manage.py create_token two-sites --role operator --site "North lot" --site "South lot" > token

The token is shown this once: only its digest is stored. `manage.py list_tokens` lists those that are valid,
`manage.py revoke_token` revokes one.
"""


class Command(CommandWithEpilog):
    help = "Make a token for a machine, and print it, alone on one line, to standard output."
    epilog = ROLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="whose token this is; the change log names it")
        parser.add_argument("--role", required=True, help=f"one of {', '.join(Role.values)}")
        parser.add_argument(
            "--site",
            action="append",
            default=[],
            metavar="NAME",
            help="bind it to the cameras of a site, by its name or its id; may be given several times",
        )
        parser.add_argument(
            "--camera",
            action="append",
            default=[],
            metavar="ID",
            help="bind it to a camera; may be given several times, and together with --site",
        )
        parser.add_argument(
            "--expires",
            type=_days,
            default=tokens.DEFAULT_DAYS,
            metavar="DAYS",
            help=f"for how many days it is valid, or `never` ({tokens.DEFAULT_DAYS} by default)",
        )

    @needs_database()
    def handle(self, *, name: str, role: str, **options: Any) -> None:
        now = timezone.now()
        days: int | None = options["expires"]
        name = name.strip()
        _check(name, role)
        sites = {site.pk: site for site in map(site_named, options["site"]) if site}
        cameras = {camera.pk: camera for camera in map(_camera, options["camera"])}
        expires_at = now + timedelta(days=days) if days else None
        try:
            _, secret = tokens.create_token(
                name=name,
                role=role,
                by=AUTHOR,
                now=now,
                scope=Scope(frozenset(sites), frozenset(cameras)) if sites or cameras else WHOLE_FLEET,
                expires_at=expires_at,
            )
        except tokens.NameTaken as error:
            raise CommandError(f"{error} `manage.py revoke_token` does.") from None
        bindings = [f"site {site}" for site in sites.values()] + [
            f"camera {camera}" for camera in cameras.values()
        ]
        bound = f", bound to {', '.join(map(plain, bindings))}" if bindings else ""
        expiry = f", expires on {expires_at:%Y-%m-%d at %H:%M} UTC" if expires_at else ", does not expire"
        self.stderr.write(f"Token of {name} ({role}{bound}{expiry}). It cannot be shown again.", style_func=str)
        self.stdout.write(secret)


def _days(text: str) -> int | None:
    if text == "never":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_DAYS):
        raise ArgumentTypeError(f"a number of days from 1 to {MAX_DAYS:,}, or never")
    return int(text)


def _check(name: str, role: str) -> None:
    """Raises CommandError for the first that is refused."""
    if len(name) > MAX_NAME or not name.isprintable() or not names.is_visible(name):
        raise CommandError(f"Give the token a printable name of 1 to {MAX_NAME} characters.")
    if role not in Role.values:
        raise CommandError(f"There is no such role. Use one of {', '.join(Role.values)}.")


def _camera(text: str) -> Camera:
    camera_id: UUID | None = parse_uuid(text)
    camera = Camera.objects.filter(pk=camera_id).first() if camera_id else None
    if camera is None:
        raise CommandError(
            f"There is no camera with this id: “{plain(text)}”. GET /cameras and the admin list the ids."
        )
    return camera
