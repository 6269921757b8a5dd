"""The vocabulary in which cameras are asked for. Doors write no lookups of their own.

Must not import models, actions or doors.
"""

from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, Greatest

from cameras.status import (
    AHEAD_TOLERANCE,
    OFFLINE_AFTER_INTERVALS,
    STALE_AFTER_INTERVALS,
    STOP_GRACE,
    Status,
)
from controlplane.access.principals import Principal


class MicrosecondsBetween(models.Func):
    """`later - earlier` as a whole number of microseconds, exact on both databases."""

    output_field = models.BigIntegerField()
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="django_timestamp_diff", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM (%(expressions)s)) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, arg_joiner=" - ", **context)


def _moment(value: datetime) -> Value:
    return Value(value, output_field=models.DateTimeField())


class CameraQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """The cameras that a principal may know of. What it may do with them, `has_perm` tells."""
        if principal.camera_id:
            return self.filter(pk=principal.camera_id)
        if principal.site_id:
            return self.filter(site_id=principal.site_id)
        return self

    def named_like(self, text: str) -> Self:
        """Those whose name, address, location or site's name holds the text, in any case."""
        return self.filter(
            Q(name__icontains=text)
            | Q(address__icontains=text)
            | Q(location__icontains=text)
            | Q(site__name__icontains=text)
        )

    def after(self, ordering: str, position: Any = None) -> Self:
        """In an order by `name` or `created_at` (with `-`: backwards), from behind a position of it on.

        A position has the `value` of that column and the `id`, which decides between equal values.
        """
        column, backwards = ordering.lstrip("-"), ordering.startswith("-")
        rows = self.order_by(ordering, "-id" if backwards else "id")
        if position is None:
            return rows
        side = "lt" if backwards else "gt"
        return rows.filter(
            Q(**{f"{column}__{side}": position.value}) | Q(**{column: position.value, f"id__{side}": position.id})
        )

    def with_vitals(self) -> Self:
        """Joins the vitals, so that `camera.vitals` costs no query."""
        return self.select_related("vitals")

    def with_status(self, now: datetime, resumed_at: datetime | None = None) -> Self:
        """Annotates `derived_status`: the twin in SQL of `status.derive_status`, see there."""
        last_contact = F("vitals__last_contact")
        heard = Q(vitals__last_contact__lte=now + AHEAD_TOLERANCE)
        heard_since = heard & Q(vitals__last_contact__gte=F("desired_state_at"))
        second = 1_000_000
        stale_after = F("expected_interval_seconds") * Value(STALE_AFTER_INTERVALS * second)
        offline_after = F("expected_interval_seconds") * Value(OFFLINE_AFTER_INTERVALS * second)
        resumed = _moment(resumed_at) if resumed_at else F("desired_state_at")
        contact = Greatest(Coalesce(last_contact, F("desired_state_at")), resumed)
        silence = MicrosecondsBetween(_moment(now), contact)
        waiting = MicrosecondsBetween(_moment(now), Greatest(F("desired_state_at"), resumed))
        since_contact = MicrosecondsBetween(_moment(now), Coalesce(last_contact, F("desired_state_at")))
        grace = STOP_GRACE // timedelta(microseconds=1)
        stopped_for = MicrosecondsBetween(_moment(now), F("desired_state_at"))
        return self.alias(
            _silence=silence,
            _waiting=waiting,
            _since_contact=since_contact,
            _stopped_for=stopped_for,
            _stale_after=models.ExpressionWrapper(stale_after, models.BigIntegerField()),
            _offline_after=models.ExpressionWrapper(offline_after, models.BigIntegerField()),
        ).annotate(
            derived_status=Case(
                When(
                    Q(desired_state="running") & heard_since,
                    then=Case(
                        When(_silence__lt=F("_stale_after"), then=Value(Status.HEALTHY)),
                        When(_silence__lt=F("_offline_after"), then=Value(Status.STALE)),
                        default=Value(Status.OFFLINE),
                    ),
                ),
                When(
                    desired_state="running",
                    then=Case(
                        When(_waiting__lt=F("_offline_after"), then=Value(Status.PENDING)),
                        default=Value(Status.OFFLINE),
                    ),
                ),
                When(heard_since & Q(_stopped_for__lt=grace), then=Value(Status.STOPPING)),
                # Contact at or after stop + grace: the contact's age is at most what follows the grace.
                When(
                    heard_since
                    & Q(_since_contact__lte=F("_stopped_for") - grace)
                    & Q(_since_contact__lt=F("_offline_after")),
                    then=Value(Status.ORPHANED),
                ),
                default=Value(Status.STOPPED),
                output_field=models.CharField(),
            )
        )


class SiteQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """The sites that a principal may know of; one that is bound to a camera knows that camera's site."""
        if principal.camera_id:
            camera = self.model._meta.get_field("cameras").related_model
            return self.filter(Exists(camera._default_manager.filter(pk=principal.camera_id, site=OuterRef("pk"))))
        if principal.site_id:
            return self.filter(pk=principal.site_id)
        return self


class ChangeQuerySet(models.QuerySet[Any]):
    def since(self, revision: int) -> Self:
        """Those after a revision, oldest first."""
        return self.filter(revision__gt=revision).order_by("revision")
