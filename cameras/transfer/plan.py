"""What a file would do to the cameras, before anything is written; and doing it, all or nothing.

`make_plan` judges each row by the rules of the fields; `apply_plan` refuses a plan that is not the one that was
shown, or whose cameras have changed, or of which rows are refused unless it is asked to leave those out.
"""

import enum
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from cameras import actions, connections, guards, site_actions
from cameras.changes import diff_of, record_changes
from cameras.intent import InvalidIntent, clean_camera, clean_site
from cameras.models import BlockAction, Camera, Site
from cameras.transfer.differences import difference_in_words
from cameras.transfer.files.rows import Fault, Row
from cameras.transfer.match import Match, Registry, same_name
from cameras.transfer.twins import Place, remarks_on_twins
from controlplane.access.principals import Author, Principal

# Two imports at once could both make a camera of one name; the number means nothing.
ADVISORY_LOCK = 7_264_881_553

# Whether a file that cannot hold all of a stored `zone_config` says the same as it.
SameZones = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


class Effect(enum.StrEnum):
    """What a row would do."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(slots=True)
class PlannedRow:
    """What one row comes to. `diff` is for people: sites by name, connection strings redacted."""

    row: Row
    effect: Effect
    match: Match
    values: dict[str, Any] = field(default_factory=dict)
    diff: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        given = self.row.values.get("name")
        return given if isinstance(given, str) else self.match.camera.name if self.match.camera else ""

    def refuse(self, faults: Sequence[Fault]) -> None:
        self.effect = Effect.REFUSED
        self.faults += faults


@dataclass(slots=True)
class Plan:
    rows: list[PlannedRow]
    principal: Principal
    site: Site | None = None

    def having(self, effect: Effect) -> list[PlannedRow]:
        return [planned for planned in self.rows if planned.effect is effect]

    def counts(self) -> dict[Effect, int]:
        return {effect: len(self.having(effect)) for effect in Effect}

    @property
    def new_sites(self) -> list[str]:
        written = self.having(Effect.CREATE) + self.having(Effect.CHANGE)
        return sorted(
            {
                planned.match.site_name
                for planned in written
                if planned.match.site_name and "site" in planned.values
            }
        )

    @property
    def is_refused(self) -> bool:
        return any(planned.effect is Effect.REFUSED for planned in self.rows)

    @property
    def writes(self) -> bool:
        return any(planned.effect in (Effect.CREATE, Effect.CHANGE) for planned in self.rows)

    @property
    def fingerprint(self) -> str:
        """The same for the same file while the cameras that it changes are as they were."""
        parts = [
            (
                planned.row.number,
                planned.effect.value,
                (camera.pk, camera.revision) if (camera := planned.match.camera) and planned.values else None,
            )
            for planned in self.rows
        ]
        return hashlib.sha256(repr((parts, self.new_sites)).encode()).hexdigest()


class PlanOutdated(Exception):
    """The cameras have changed since the plan was shown: make it anew, and show that."""


class PlanRefused(Exception):
    """A plan with refused rows is not applied, not even in part, unless somebody says so."""


def make_plan(
    rows: Sequence[Row], *, principal: Principal, site: Site | None = None, same_zones: SameZones | None = None
) -> Plan:
    """What the rows would do; nothing is written. `site` is for rows that name none.

    `same_zones` stands for a format that cannot tell all of a camera's zones.
    """
    registry = Registry(rows, principal, site)
    planned = [_plan_row(row, registry, same_zones) for row in rows]
    _refuse_doubles(planned)
    _remark_on_twins(planned, registry)
    return Plan(planned, principal, site)


def apply_plan(
    plan: Plan, *, fingerprint: str, by: Author, now: datetime, skips_refused: bool = False
) -> list[Camera]:
    """Do what was shown under the fingerprint, as one change of the fleet; returns the cameras that were written.

    With `skips_refused` the refused rows are left out; without, they keep all others from being stored.
    The rules took their time before; the transaction only sees that all rows still mean what they meant.
    Raises PlanOutdated, PlanRefused, and InvalidIntent for a site that others remove in this very moment.
    """
    if plan.fingerprint != fingerprint:
        raise PlanOutdated
    if plan.is_refused and not skips_refused:
        raise PlanRefused
    taken = [planned for planned in plan.rows if planned.effect is not Effect.REFUSED]
    with record_changes(by=by, now=now, action=BlockAction.IMPORTED) as log:
        _one_import_at_a_time()
        registry = Registry([planned.row for planned in plan.rows], plan.principal, plan.site, whole=False)
        if any(registry.match(planned.row).identity != planned.match.identity for planned in taken):
            raise PlanOutdated
        sites = {
            name: site_actions.register_site(values=clean_site({"name": name}, new=True), by=by, now=now).pk
            for name in plan.new_sites
        }
        try:
            actions.save_cameras(
                new=[
                    (planned.match.camera_id, _settled(planned, sites)) for planned in plan.having(Effect.CREATE)
                ],
                changed={
                    camera.pk: (camera.revision, _settled(planned, sites))
                    for planned in plan.having(Effect.CHANGE)
                    if (camera := planned.match.camera)
                },
                by=by,
                now=now,
            )
        except (actions.StaleRevision, guards.OutOfScope):
            raise PlanOutdated from None
    return [entry.camera for entry in log.recorded]


def _one_import_at_a_time() -> None:
    """Until the transaction ends. On SQLite every transaction that writes is alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def _settled(planned: PlannedRow, sites: Mapping[str, UUID]) -> dict[str, Any]:
    values = dict(planned.values)
    if "site" in values and planned.match.site_name:
        values["site"] = sites[planned.match.site_name]
    return values


def _plan_row(row: Row, registry: Registry, same_zones: SameZones | None) -> PlannedRow:
    match = registry.match(row)
    camera = match.camera
    planned = PlannedRow(row, Effect.CREATE, match, remarks=[*row.remarks, *match.remarks])
    faults = [*row.faults, *match.faults]
    refused_fields = {fault.field for fault in row.faults}
    given = {name: value for name, value in row.values.items() if name not in ("id", "site")}
    if given:
        try:
            planned.values = clean_camera(given, stored_redacted=camera.redacted_connection if camera else None)
        except InvalidIntent as error:
            # A field whose own reading failed is not called missing as well.
            faults += [
                Fault(fault.field, fault.detail)
                for fault in error.errors
                if not _is_refused(fault.field, refused_fields)
            ]
    elif camera is None and not faults:
        faults = [Fault("name", "Is required.")]
    if match.names_site:
        planned.values["site"] = match.site_id
    if match.keeps_name:
        planned.values.pop("name", None)
    if faults:
        planned.refuse(faults)
    elif camera is None:
        planned.diff = difference_in_words(match, planned.values, registry.site_names)
        _refuse_out_of_scope(planned, registry.principal)
    else:
        _keep_what_differs(planned, camera, same_zones)
        planned.diff = difference_in_words(match, planned.values, registry.site_names)
        planned.effect = Effect.CHANGE if planned.values else Effect.UNCHANGED
        _refuse_out_of_scope(planned, registry.principal)
    return planned


def _refuse_out_of_scope(planned: PlannedRow, principal: Principal) -> None:
    """What an action would refuse. A site that is still to be made is in no scope but the whole fleet."""
    camera, site = planned.match.camera, planned.match.site
    try:
        if planned.effect is Effect.CREATE:
            guards.require_place(principal, guards.ADD, planned.match.site_id)
        elif camera and planned.effect is Effect.CHANGE:
            moved = {"site": site} if "site" in planned.values else {}
            guards.require_change(principal, camera, {**planned.values, **moved})
    except guards.OutOfScope as error:
        planned.refuse([Fault(fault.field, fault.detail) for fault in error.errors])


def _is_refused(name: str, refused: set[str]) -> bool:
    """Frigate's `ffmpeg.inputs` is what gives the connection string."""
    return name in refused or (name == "connection_string" and any(one.startswith("ffmpeg") for one in refused))


def _keep_what_differs(planned: PlannedRow, camera: Camera, same_zones: SameZones | None) -> None:
    """Leave in `values` only what the camera does not have already."""
    values = planned.values
    url = values.pop("connection_string", None)
    if same_zones and "zone_config" in values and same_zones(camera.zone_config, values["zone_config"]):
        del values["zone_config"]
    if "site" in values and not planned.match.site_name and values["site"] == camera.site_id:
        del values["site"]
    rest = {name: value for name, value in values.items() if name != "site"}
    differing = diff_of({name: getattr(camera, name) for name in rest}, rest)
    for name in rest.keys() - differing.keys():
        del values[name]
    if url is not None and not connections.reaches(camera, url.normalised):
        values["connection_string"] = url


def _refuse_doubles(rows: Sequence[PlannedRow]) -> None:
    """A camera that several rows mean is refused in all of them: nobody can know which one is right."""
    groups: dict[Any, list[PlannedRow]] = defaultdict(list)
    for planned in rows:
        match = planned.match
        if match.camera:
            groups[match.camera.pk].append(planned)
        elif not match.faults:
            if match.camera_id:
                groups[match.camera_id].append(planned)
            if name := same_name(planned.name):  # a missing name is reported as it is
                groups[(match.site, name)].append(planned)
    for key, group in groups.items():
        told_apart = isinstance(key, tuple) and all(planned.match.camera_id for planned in group)
        if len(group) > 1 and not told_apart:
            numbers = ", ".join(str(planned.row.number) for planned in group[:5])
            for planned in group:
                if not any(fault.detail.startswith("Stands") for fault in planned.faults):
                    planned.refuse([Fault("name", f"Stands in the file more than once: at {numbers}.")])


def _remark_on_twins(rows: Sequence[PlannedRow], registry: Registry) -> None:
    places = {_place_of(planned): planned for planned in rows if planned.effect is not Effect.REFUSED}
    for place, remark in remarks_on_twins(list(places), registry.by_key):
        places[place].remarks.append(remark)


def _place_of(planned: PlannedRow) -> Place:
    camera, values = planned.match.camera, planned.values
    name = values["name"] if "name" in values or camera is None else camera.name
    site = planned.match.site if "site" in values or camera is None else camera.site_id
    is_new = planned.effect is Effect.CREATE or bool({"name", "site"} & values.keys())
    return Place(planned.row.number, camera.pk if camera else None, name, site, is_new)
