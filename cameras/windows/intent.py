"""What people may decide about a window, for every endpoint: parsed JSON goes in, the values to store come out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cameras import rules
from cameras.intent import InvalidIntent
from cameras.models import Site
from cameras.windows.models import MAX_CAMERAS, MAX_REASON, Window, WindowAction
from cameras.windows.reach import Reach
from cameras.windows.recurrence import InvalidSchedule, Schedule, check_schedule, schedule_of, wall_time
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, shown_name

READ_ONLY = ("id", "created_by", "created_at", "next_at", "lasts_until")
_REASON = rules.text(MAX_REASON, is_required=False, has_lines=False)


@dataclass(frozen=True, slots=True)
class WindowValues:
    """A window as it is to be stored; `starts` and `ends` are wall times in ISO 8601 without an offset."""

    action: str
    site: UUID | None
    cameras: tuple[UUID, ...]
    everything: bool
    starts: str
    ends: str
    zone: str
    rule: str
    reason: str

    @property
    def schedule(self) -> Schedule:
        return schedule_of(self.starts, self.ends, self.zone, self.rule)

    @property
    def reach(self) -> Reach:
        return Reach(self.everything, self.site, tuple(map(str, self.cameras)))


def clean_window(given: object, *, now: datetime, stored: Window | None = None) -> WindowValues:
    """What is given, on top of what is stored. Raises InvalidIntent.

    A new one begins now unless it says otherwise, in the time zone of its site, or in UTC.
    """
    if not isinstance(given, Mapping):
        raise InvalidIntent([FieldError("", "The body must be a JSON object.")])
    if not given:
        raise InvalidIntent([FieldError("", "The body names no field.", ErrorCode.REQUIRED)])
    values = _checked(given) if stored is None else asdict(values_of(stored)) | _checked(given)
    if stored is not None and {"site", "cameras", "everything"} & given.keys():
        values = values | {name: None for name in ("site", "cameras", "everything") if name not in given}
    missing = [name for name in ("action", "ends") if values.get(name) is None]
    if missing:
        raise InvalidIntent([FieldError(name, "Is required.", ErrorCode.REQUIRED) for name in missing])
    named = [name for name in ("site", "cameras", "everything") if values.get(name)]
    if len(named) != 1:
        words = "Say what it is over: one of `site`, `cameras` and `everything`, and no more than one."
        raise InvalidIntent([FieldError(named[1] if named else "site", words, ErrorCode.REQUIRED)])
    zone = values.get("zone") or _zone_of(values.get("site"))
    return _with_schedule(values, zone, now)


def values_of(window: Window) -> WindowValues:
    """A stored window, as it would be given again."""
    return WindowValues(
        action=window.action,
        site=window.site_id,
        cameras=tuple(sorted(row.camera_id for row in window.covered.all())),
        everything=window.is_everything,
        starts=window.starts,
        ends=window.ends,
        zone=window.zone,
        rule=window.rule,
        reason=window.reason,
    )


def _with_schedule(values: Mapping[str, Any], zone: str, now: datetime) -> WindowValues:
    starts = values.get("starts") or wall_time(now, ZoneInfo(zone)).replace(microsecond=0).isoformat()
    cleaned = WindowValues(
        action=values["action"],
        site=values.get("site"),
        cameras=tuple(values.get("cameras") or ()),
        everything=bool(values.get("everything")),
        starts=starts,
        ends=values["ends"],
        zone=zone,
        rule="",
        reason=values.get("reason") or "",
    )
    once = cleaned.schedule
    try:
        rule = check_schedule(Schedule(once.starts, once.ends, once.zone, values.get("rule") or ""))
    except InvalidSchedule as error:
        raise InvalidIntent([FieldError(error.field, str(error), ErrorCode.INVALID)]) from None
    return WindowValues(**(asdict(cleaned) | {"rule": rule}))


def _zone_of(site_id: UUID | None) -> str:
    if site_id is None:
        return "UTC"
    zone: str | None = Site.objects.filter(pk=site_id).values_list("timezone", flat=True).first()
    return zone or "UTC"


def _checked(given: Mapping[str, object]) -> dict[str, Any]:
    errors, values = [], {}
    for name, value in given.items():
        if name in READ_ONLY:
            errors.append(FieldError(name, "Is read-only.", ErrorCode.READ_ONLY))
        elif name not in _RULES:
            errors.append(FieldError(shown_name(name), "There is no such field.", ErrorCode.UNKNOWN))
        else:
            try:
                values[name] = _RULES[name](value)
            except rules.InvalidValue as error:
                errors.append(FieldError(name, str(error), error.code))
    if errors:
        raise InvalidIntent(errors)
    return values


def wall(value: object) -> str:
    """The rule for a time on the clocks of the window's zone."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo or not 2000 <= parsed.year <= 2200:
        raise rules.InvalidValue("Must be a time without an offset, e.g. 2026-11-30T22:00: it is one of `zone`.")
    return parsed.replace(microsecond=0, fold=0).isoformat()


def _cameras(value: object) -> tuple[UUID, ...]:
    ids = [rules.parse_uuid(each) for each in value] if isinstance(value, list) else [None]
    if None in ids or len(set(ids)) != len(ids):
        raise rules.InvalidValue("Must be a list of ids of cameras (UUIDs), each once.")
    if len(ids) > MAX_CAMERAS:
        raise rules.InvalidValue(f"Names more than {MAX_CAMERAS} cameras.", ErrorCode.TOO_LARGE)
    return tuple(sorted(each for each in ids if each))


def _everything(value: object) -> bool:
    if not isinstance(value, bool):
        raise rules.InvalidValue("Must be true or false.")
    return value


def _rule(value: object) -> str:
    if not isinstance(value, str):
        raise rules.InvalidValue("Must be a text: a rule of RFC 5545, or empty.")
    return value


_RULES: dict[str, Callable[[object], Any]] = {
    "action": rules.one_of(WindowAction.values),
    "site": rules.site_id,
    "cameras": _cameras,
    "everything": _everything,
    "starts": wall,
    "ends": wall,
    "zone": rules.time_zone,
    "rule": _rule,
    "reason": _REASON,
}
