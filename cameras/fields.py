"""What people decide about a camera and about a site: each field is declared here, once.

The rules of `intent`, the API's shapes and answers, the forms of the admin, the difference of a change, files of
cameras, and what raises a camera's generation are read from these tables; tests/cameras/test_fields.py checks
what cannot be. Every field is kept in the change log and exported, so that neither can lose one unnoticed.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cameras import geometry, rtsp, rules

MAX_NAME = 200
MAX_LOCATION = 500
MAX_NOTES = 10_000
MAX_INTERVAL_SECONDS = 86_400

Words = str | Promise


class DesiredState(TextChoices):
    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")


class Kind(enum.Enum):
    """What a value is. It decides the shape in the API, the input of a form and the cell of a table."""

    TEXT = enum.auto()
    LINES = enum.auto()  # a text of several lines
    CHOICE = enum.auto()
    SECONDS = enum.auto()
    DEGREES = enum.auto()
    TIME_ZONE = enum.auto()
    SITE = enum.auto()
    CONNECTION = enum.auto()
    JSON = enum.auto()
    ZONES = enum.auto()


# Where many cameras are read, values of these are not.
LONG = (Kind.LINES, Kind.JSON, Kind.ZONES)


class Section(enum.Enum):
    """A group of inputs in a form, under its title."""

    FIRST = None
    OPERATION = _("Operation")
    ANALYSIS = _("Analysis")
    NOTES = _("Notes")
    COORDINATES = _("Coordinates")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One thing that people decide. The flags say what else it takes part in."""

    name: str
    label: Words
    """As it stands within a sentence."""
    kind: Kind
    rule: Callable[[object], Any]
    """Takes parsed JSON and returns the value to store. Raises rules.InvalidValue or geometry.InvalidZones."""
    help: Words = ""
    section: Section = Section.FIRST
    is_required: bool = False
    """When a camera or a site is created."""
    is_spec: bool = False
    """A vision worker runs on it: a change of it raises the camera's generation."""
    is_listed: bool = False
    """Whether the API's list shows it too, not only the detail."""
    is_secret: bool = False
    """A form never shows it, and the change log only says that it changed."""
    max_length: int | None = None
    limits: tuple[int, int] | None = None
    """The least and the greatest number."""
    choices: Sequence[tuple[str, Words]] = ()
    """Each value with its label."""
    stored_in: str = ""
    """The column whose value is shown, where its name differs from the field's."""

    @property
    def column(self) -> str:
        return self.stored_in or self.name


def _text(
    name: str, label: Words, max_length: int, *, lines: bool = False, is_required: bool = False, **more: Any
) -> Field:
    return Field(
        name=name,
        label=label,
        kind=Kind.LINES if lines else Kind.TEXT,
        rule=rules.text(max_length, is_required=is_required, has_lines=lines),
        max_length=max_length,
        is_required=is_required,
        **more,
    )


def _degrees(name: str, label: Words, limit: int, *, help: Words) -> Field:
    return Field(
        name=name,
        label=label,
        kind=Kind.DEGREES,
        rule=rules.degrees(limit),
        limits=(-limit, limit),
        help=help,
        section=Section.COORDINATES,
    )


CAMERA_FIELDS = (
    _text("name", _("name"), MAX_NAME, is_required=True, is_listed=True),
    Field(
        name="site",
        label=_("site"),
        kind=Kind.SITE,
        rule=rules.site_id,
        stored_in="site_id",
        is_listed=True,
    ),
    _text("location", _("location"), MAX_LOCATION, help=_("Where at the site, in words.")),
    Field(
        name="connection_string",
        label=_("connection string"),
        kind=Kind.CONNECTION,
        rule=rules.connection_string,
        help=_("rtsp://user:password@host:port/path. It is kept encrypted and not shown again."),
        max_length=rtsp.MAX_LENGTH,
        stored_in="redacted_connection",
        is_required=True,
        is_spec=True,
        is_secret=True,
    ),
    Field(
        name="desired_state",
        label=_("desired state"),
        kind=Kind.CHOICE,
        rule=rules.one_of(DesiredState.values),
        choices=DesiredState.choices,
        section=Section.OPERATION,
        is_spec=True,
        is_listed=True,
    ),
    Field(
        name="expected_interval_seconds",
        label=_("expected interval (seconds)"),
        kind=Kind.SECONDS,
        rule=rules.whole_seconds(1, MAX_INTERVAL_SECONDS),
        limits=(1, MAX_INTERVAL_SECONDS),
        help=_("How often a worker reports; three times this is late, six times is offline."),
        section=Section.OPERATION,
        is_spec=True,
    ),
    Field(
        name="zone_config",
        label=_("zones"),
        kind=Kind.ZONES,
        rule=geometry.canonical_zones,
        section=Section.ANALYSIS,
        is_spec=True,
    ),
    Field(
        name="model_config",
        label=_("model configuration"),
        kind=Kind.JSON,
        rule=rules.json_object,
        help=_("What the vision worker loads: a JSON object."),
        section=Section.ANALYSIS,
        is_spec=True,
    ),
    _text("notes", _("notes"), MAX_NOTES, lines=True, section=Section.NOTES),
)

# What a vision worker runs on: a change of one of these raises a camera's generation.
SPEC_FIELDS = frozenset(field.name for field in CAMERA_FIELDS if field.is_spec)

SITE_FIELDS = (
    _text("name", _("name"), MAX_NAME, is_required=True),
    Field(
        name="timezone",
        label=_("time zone"),
        kind=Kind.TIME_ZONE,
        rule=rules.time_zone,
        help=_("By its IANA name; it says when the site's days begin."),
    ),
    _text("location", _("location"), MAX_LOCATION, help=_("Address or directions.")),
    _degrees("latitude", _("latitude"), 90, help=_("Degrees from -90 to 90.")),
    _degrees("longitude", _("longitude"), 180, help=_("Degrees from -180 to 180.")),
)


def by_name(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}
