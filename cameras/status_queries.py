"""The twin in SQL of `status.derive_status` and `conditions.conditions_of`, for filtering and counting.

Aliases that begin with `_` are its parts; a test compares it with the rule at every boundary.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest
from django.db.models.lookups import GreaterThanOrEqual

from cameras.conditions import ConditionType
from cameras.facts import (
    AHEAD_TOLERANCE,
    MAX_STARTING,
    MIN_STOP_GRACE,
    MIN_WINDOW,
    OFFLINE_AFTER_INTERVALS,
    STALE_AFTER_INTERVALS,
    STOP_GRACE_INTERVALS,
    Interruptions,
    receiving_until,
)
from cameras.reasons import ON_THE_WAY, PlacementPhase, WorkerPhase
from cameras.status import Status

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class MicrosecondsBetween(models.Func):
    """`later - earlier` as a whole number of microseconds, exact on both databases."""

    output_field = models.BigIntegerField()
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="django_timestamp_diff", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM (%(expressions)s)) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)


class QuickMoment(models.Func):
    """A timestamp, exact, for many rows: PostgreSQL hands over a number, as psycopg is slow to read its text."""

    output_field = models.DateTimeField(null=True)
    arity = 1
    template = "%(expressions)s"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM %(expressions)s) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, **context)

    def convert_value(self, value: Any, expression: Any, connection: Any) -> datetime | None:
        return EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value


class Once(models.Func):
    """An expression of which the SQL is made once in each query, however often others refer to it.

    Those of a status refer to one another: made anew each time, the first page of the admin took 11,000 of them.
    """

    arity = 1
    template = "%(expressions)s"
    is_resolved = False

    def resolve_expression(self, *arguments: Any, **named: Any) -> Any:
        """Lookups resolve what they compare again and again, which copies it whole."""
        if self.is_resolved:
            return self
        resolved: Any = super().resolve_expression(*arguments, **named)
        resolved.is_resolved = True
        return resolved

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        made = compiler.__dict__.setdefault("made_once", {})
        if id(self) not in made:
            # With the expression itself, so that no other gets its id as long as this is kept.
            made[id(self)] = self, *super().as_sql(compiler, connection, **context)
        _, sql, parameters = made[id(self)]
        return sql, list(parameters)  # whoever asks may add to them


class Choice(models.Func):
    """What stands beside the value in a table, else the default; as a CASE that names the expression once."""

    def __init__(self, expression: Any, table: dict[Any, Any], default: Any, output_field: Any = None) -> None:
        pairs = [part for value, result in table.items() for part in (Value(value), result)]
        super().__init__(expression, *pairs, default, output_field=output_field)

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        made = [compiler.compile(part) for part in self.source_expressions]
        (chosen_by, *parts, default) = (sql for sql, _ in made)
        whens = " ".join(
            f"WHEN {value} THEN {result}" for value, result in zip(parts[::2], parts[1::2], strict=True)
        )
        parameters = [parameter for _, parameters in made for parameter in parameters]
        return f"CASE {chosen_by} {whens} ELSE {default} END", parameters


# Whether more is known of a camera than its start and its last contact: that is so for few.
HAS_MORE_FACTS = Case(
    When(
        Q(vitals__failed_at__isnull=False)
        | Q(vitals__contended_at__isnull=False)
        | Q(vitals__refused_at__isnull=False)
        | Q(vitals__stopping_at__gte=F("desired_state_at"))
        | Q(vitals__placement_phase__in=(*ON_THE_WAY, PlacementPhase.FAILED))
        | Q(vitals__epoch__gt=F("vitals__claimed_epoch"))
        | Q(vitals__awaited_since__isnull=False, vitals__last_sample_at=None)
        | Q(vitals__awaited_since__gt=F("vitals__last_sample_at"))
        | Q(vitals__observed_generation__lt=F("generation"))
        | Q(vitals__observed_generation__gt=F("generation")),
        then=Value(True),
    ),
    default=Value(False),
    output_field=models.BooleanField(),
)


def parts_of_status(now: datetime, interruptions: Interruptions) -> dict[str, Any]:
    """Aliases that `status_at` and `condition_holds` read."""
    until = _moment(receiving_until(now, interruptions))
    offline_after = _intervals(OFFLINE_AFTER_INTERVALS)
    horizon = now + AHEAD_TOLERANCE
    contact_at = _only_until(horizon, "vitals__last_contact")
    sample_at = _only_until(horizon, "vitals__last_sample_at")
    started_at = F("desired_state_at")
    contact = Coalesce(contact_at, started_at)
    silent_from = _counted_from(contact, offline_after, interruptions)
    awaited_from = _counted_from(
        Greatest(
            started_at,
            Coalesce(sample_at, started_at),
            Coalesce("vitals__awaited_since", started_at),
            Coalesce("generation_at", started_at),
        ),
        offline_after,
        interruptions,
    )
    generation_since = Greatest(Coalesce("generation_at", started_at), started_at)
    mass_silence_ended = _moment(interruptions.mass_silence_ended_at or now)
    parts = {
        "_contact_at": contact_at,
        "_sample_at": sample_at,
        "_has_contact": _true_where(Q(_contact_at__gte=started_at)),
        "_has_failed": _true_where(
            Q(_contact_at__gte=started_at, vitals__failed_at__gte=started_at)
            & (Q(generation_at=None) | Q(vitals__failed_at__gte=F("generation_at")))
        ),
        "_has_placement": _true_where(Q(vitals__placement_at__gte=started_at)),
        "_stale_after": _intervals(STALE_AFTER_INTERVALS),
        "_offline_after": offline_after,
        "_window": _at_least(MIN_WINDOW, STALE_AFTER_INTERVALS),
        "_grace": _at_least(MIN_STOP_GRACE, STOP_GRACE_INTERVALS),
        "_silent_from": silent_from,
        "_silence": MicrosecondsBetween(until, F("_silent_from")),
        "_silence_since_mass_silence": MicrosecondsBetween(until, Greatest(F("_silent_from"), mass_silence_ended)),
        "_silence_at_mass_silence": MicrosecondsBetween(
            _moment(interruptions.mass_silence_began_at or now), F("_silent_from")
        ),
        "_waiting": MicrosecondsBetween(until, _counted_from(started_at, offline_after, interruptions)),
        "_started_for": MicrosecondsBetween(until, started_at),
        "_sampleless_for": MicrosecondsBetween(
            until, _counted_from(F("_sample_at"), offline_after, interruptions)
        ),
        "_has_fresh_sample": _true_where(Q(_sample_at__gte=started_at) & Q(_sampleless_for__lt=F("_stale_after"))),
        "_awaited_for": MicrosecondsBetween(until, awaited_from),
        "_starting_for": MicrosecondsBetween(
            until, Greatest(started_at, Coalesce("vitals__awaited_since", started_at))
        ),
        "_is_starting": _true_where(
            Q(vitals__worker_phase=WorkerPhase.STARTING, vitals__awaited_since__isnull=False)
            & (Q(_sample_at=None) | Q(_sample_at__lt=F("vitals__awaited_since")))
            & Q(_starting_for__lt=MAX_STARTING // MICROSECOND)
        ),
        "_generation_for": MicrosecondsBetween(_moment(now), generation_since),
        "_contended_for": MicrosecondsBetween(_moment(now), F("vitals__contended_at")),
        "_refused_for": MicrosecondsBetween(_moment(now), F("vitals__refused_at")),
        "_since_contact": MicrosecondsBetween(_moment(now), contact),
        "_stopped_for": MicrosecondsBetween(_moment(now), started_at),
    }
    return {name: Once(part) for name, part in parts.items()}


def condition_holds(condition: ConditionType) -> Q:
    """Whether a condition holds, for rows that have the aliases of `parts_of_status`."""
    running = Q(desired_state="running")
    refused = running & Q(_refused_for__lt=F("_window"))
    match condition:
        case ConditionType.WORKER_FAILED:
            return running & Q(_has_failed=True)
        case ConditionType.PLACEMENT_FAILED:
            return running & Q(_has_placement=True, vitals__placement_phase=PlacementPhase.FAILED)
        case ConditionType.PLACEMENT_UNKNOWN:
            return running & Q(vitals__epoch__gt=F("vitals__claimed_epoch"), vitals__epoch_at__isnull=False)
        case ConditionType.CONFIGURATION_OUTDATED:
            is_behind = Q(vitals__observed_generation__lt=F("generation"), _generation_for__gte=F("_window"))
            is_ahead = Q(vitals__observed_generation__gt=F("generation"))
            return running & Q(_has_contact=True) & (is_behind | is_ahead)
        case ConditionType.CONTENDED:
            return Q(_contended_for__lt=F("_window"))
        case ConditionType.NO_SAMPLES:
            return running & Q(
                _has_contact=True,
                _has_failed=False,
                _is_starting=False,
                _awaited_for__gte=F("_stale_after"),
                _silence__lt=F("_stale_after"),
            )
        case ConditionType.SAMPLES_REFUSED:
            return refused & ~Q(vitals__refused_code="in_future")
        case ConditionType.CLOCK_WRONG:
            return refused & Q(vitals__refused_code="in_future")


def any_condition_holds() -> Q:
    holds = Q()
    for condition in ConditionType:
        holds |= condition_holds(condition)
    return holds


def status_at(interruptions: Interruptions) -> Case:
    """The status, for rows that have the aliases of `parts_of_status`."""
    is_offline = Q(_silence__gte=F("_offline_after")) & ~_excused(interruptions)
    is_on_the_way = Q(_has_placement=True, vitals__placement_phase__in=ON_THE_WAY)
    with_contact = Case(
        When(is_offline, then=Value(Status.OFFLINE)),
        When(_has_failed=True, then=Value(Status.FAILING)),
        When(_silence__gte=F("_stale_after"), then=Value(Status.STALE)),
        When(
            Q(_is_starting=True) | Q(_has_fresh_sample=False, _awaited_for__lt=F("_stale_after")),
            then=Value(Status.PENDING),
        ),
        When(_awaited_for__gte=F("_offline_after"), then=Value(Status.FAILING)),
        When(any_condition_holds(), then=Value(Status.DEGRADED)),
        default=Value(Status.HEALTHY),
    )
    without_contact = Case(
        When(_has_placement=True, vitals__placement_phase=PlacementPhase.FAILED, then=Value(Status.FAILING)),
        When(is_on_the_way & Q(_started_for__lt=MAX_STARTING // MICROSECOND), then=Value(Status.PENDING)),
        When(_waiting__lt=F("_offline_after"), then=Value(Status.PENDING)),
        default=Value(Status.OFFLINE),
    )
    return Case(
        When(desired_state="running", _has_contact=True, then=with_contact),
        When(desired_state="running", then=without_contact),
        When(
            (Q(_has_contact=True) | Q(vitals__stopping_at__gte=F("desired_state_at")))
            & Q(_stopped_for__lt=F("_grace")),
            then=Value(Status.STOPPING),
        ),
        # Contact at or after stop + grace: the contact's age is at most what follows the grace.
        When(
            Q(_has_contact=True)
            & Q(_since_contact__lte=F("_stopped_for") - F("_grace"))
            & Q(_since_contact__lt=F("_offline_after")),
            then=Value(Status.ORPHANED),
        ),
        default=Value(Status.STOPPED),
        output_field=models.CharField(),
    )


def lasted_in_trouble() -> Any:
    """For how many microseconds a status in `IN_TROUBLE` has lasted, about."""
    offline_for = Case(When(_has_contact=True, then=F("_silence")), default=F("_waiting")) - F("_offline_after")
    return Choice(
        F("derived_status"),
        {
            Status.ORPHANED: F("_stopped_for"),
            Status.STALE: F("_silence") - F("_stale_after"),
            Status.FAILING: F("_awaited_for"),
            Status.DEGRADED: F("_awaited_for"),
        },
        default=offline_for,
        output_field=models.BigIntegerField(),
    )


def _moment(value: datetime) -> Value:
    return Value(value, output_field=models.DateTimeField())


def _true_where(condition: Q) -> Case:
    """Never null, so that it can be negated."""
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=models.BooleanField())


def _only_until(horizon: datetime, column: str) -> Case:
    return Case(When(**{f"{column}__lte": horizon}, then=F(column)), output_field=models.DateTimeField(null=True))


def _intervals(count: int) -> Any:
    """A number of expected intervals, in microseconds; many exceed PostgreSQL's `integer`."""
    return Cast("expected_interval_seconds", models.BigIntegerField()) * Value(count * 1_000_000)


def _at_least(least: timedelta, count: int) -> Any:
    return Greatest(Value(least // MICROSECOND, output_field=models.BigIntegerField()), _intervals(count))


def _counted_from(moment: Any, offline_after: Any, interruptions: Interruptions) -> Any:
    """The twin of `facts.counted_from`."""
    if interruptions.outage_ended_at is None:
        return moment
    later = Greatest(moment, _moment(interruptions.outage_ended_at))
    if interruptions.outage_began_at is None:
        return later
    was_offline = GreaterThanOrEqual(
        MicrosecondsBetween(_moment(interruptions.outage_began_at), moment), offline_after
    )
    return Case(When(was_offline, then=moment), default=later, output_field=models.DateTimeField())


def _excused(interruptions: Interruptions) -> Q:
    """Fell silent with most of the fleet, in a mass silence that lasts, or ended not long ago."""
    if interruptions.mass_silence_began_at is None:
        return Q(pk__in=())
    then = Q(_contact_at__lte=interruptions.mass_silence_began_at) & Q(
        _silence_at_mass_silence__lt=F("_offline_after")
    )
    return (
        then
        if interruptions.mass_silence_ended_at is None
        else then & Q(_silence_since_mass_silence__lt=F("_offline_after"))
    )
