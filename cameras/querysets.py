"""The vocabulary of queries for cameras, sites and changes.

Entry points look rows up by key, or by the lookups of a filter of Django; other conditions are methods here.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.db.models.functions import Coalesce

from cameras import names, status_queries
from cameras.conditions import ConditionType
from cameras.facts import Interruptions
from cameras.fields import CAMERA_FIELDS, LONG
from cameras.search_conditions import contains, ids_beginning_with, is_named
from cameras.status import IN_TROUBLE, Status
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope


class CameraQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those that a principal may see."""
        return self.within(principal.scope_for("cameras.view_camera"))

    def within(self, scope: Scope) -> Self:
        """Those in a scope, such as the one of a principal for a permission; in the whole fleet, just these."""
        return self if scope.is_whole else self.filter(scope.as_q())

    @property
    def is_whole(self) -> bool:
        """Whether these are all cameras."""
        return not self.query.where.children

    def matching(self, text: str) -> Self:
        """Those that each word of the text is about, whatever its case and accents.

        A word stands in the name, the address, the location, or the name or location of the site; or the id
        begins with it.
        """
        sites = self.model._meta.get_field("site").related_model._default_manager
        found = self
        for word in text.split():
            # A subquery that is read once; as a join, each camera's site would be searched again.
            condition = contains(word) | Q(site__in=sites.filter(contains(word)).values("pk"))
            if ids := ids_beginning_with(word):
                condition |= Q(pk__range=ids)
            found = found.filter(condition)
        return found

    def named(self, text: str) -> Self:
        """Those with exactly this name, whatever its case and accents."""
        return self.filter(is_named(text))

    def not_named(self, text: str) -> Self:
        """The others."""
        return self.exclude(is_named(text))

    def silent_since(self, moment: datetime) -> Self:
        """Those that should have been running since before a moment, without contact at or after it."""
        without_contact = Q(vitals__last_contact__lt=moment) | Q(vitals__last_contact=None)
        return self.filter(without_contact, desired_state="running", desired_state_at__lt=moment)

    def twins_of(self, camera: Any) -> Self:
        """Other cameras at the same site, or without one as it is, whose names look the same."""
        return self.filter(name_key=names.key(camera.name), site_id=camera.site_id).exclude(pk=camera.pk)

    def with_twins(self) -> Self:
        """Those that have such a twin."""
        twins = self.model._default_manager.filter(name_key=OuterRef("name_key")).exclude(pk=OuterRef("pk"))
        return self.filter(
            Q(Exists(twins.filter(site=OuterRef("site")))) | Q(Exists(twins.filter(site=None)), site=None)
        )

    def with_zones(self) -> Self:
        return self.filter(zone_config__features__0__isnull=False)

    def after(self, ordering: str, position: Any = None) -> Self:
        """Ordered by `name` or `created_at` (with `-`: descending), those after a position.

        A position has the `value` of that column and the `id`, which decides between equal values.
        """
        column, backwards = ordering.lstrip("-"), ordering.startswith("-")
        rows = self.order_by(ordering, "-id" if backwards else "id")
        if position is None:
            return rows
        # As one comparison of rows it bounds the index that orders, and PostgreSQL knows how many are left. With
        # the two columns joined by OR it read, searched and sorted the whole rest again for every page.
        comparison = TupleLessThan if backwards else TupleGreaterThan
        return rows.filter(comparison(Tuple(F(column), F("id")), (position.value, position.id)))

    def without_long_values(self) -> Self:
        """Leaves unread what may be long, and the sealed connection string: for many cameras at once."""
        return self.defer(*(field.column for field in CAMERA_FIELDS if field.kind in LONG), "sealed_connection")

    def with_vitals(self) -> Self:
        """Loads the vitals and the status that was last stored with the cameras."""
        return self.select_related("vitals", "known_status")

    def with_reports(self) -> Self:
        """Loads what the worker and the orchestrator last said, with its texts."""
        return self.select_related("report", "placement")

    def with_status(self, now: datetime, interruptions: Interruptions) -> Self:
        """Annotates `derived_status`: the twin in SQL of `status.derive_status`, see there."""
        parts = status_queries.parts_of_status(now, interruptions)
        return self.alias(**parts).annotate(
            derived_status=status_queries.Once(status_queries.status_at(interruptions))
        )

    def in_status(self, statuses: Collection[str], now: datetime, interruptions: Interruptions) -> Self:
        """Those whose derived status is one of these."""
        return self.with_status(now, interruptions).filter(derived_status__in=statuses)

    def in_condition(self, condition: ConditionType, now: datetime, interruptions: Interruptions) -> Self:
        """Those of which a condition holds."""
        parts = status_queries.parts_of_status(now, interruptions)
        return self.alias(**parts).filter(status_queries.condition_holds(condition))

    def outdated(self, wanted: bool) -> Self:
        """Those whose worker runs another generation, or the others; of who never said so that is not known."""
        differs = Q(vitals__observed_generation__lt=F("generation")) | Q(
            vitals__observed_generation__gt=F("generation")
        )
        is_same = Q(vitals__observed_generation=None) | Q(vitals__observed_generation=F("generation"))
        return self.filter(differs if wanted else is_same)

    def with_urgency(self) -> Self:
        """After `with_status`: annotates `urgency`, by which those that need attention most come first."""
        order = (*IN_TROUBLE, *(status for status in Status if status not in IN_TROUBLE))
        places = {status: Value(place) for place, status in enumerate(order)}
        urgency = status_queries.Choice(
            F("derived_status"), places, default=Value(len(places)), output_field=models.SmallIntegerField()
        )
        return self.annotate(urgency=urgency)

    def in_mass_silence(self, interruptions: Interruptions) -> Self:
        """After `with_status`, while a mass silence lasts: the cameras that fell silent with the fleet.

        Those too that were called offline shortly before it was noticed: the first of a crowd.
        """
        return self.filter(
            desired_state="running",
            derived_status__in=(Status.STALE, Status.OFFLINE),
            vitals__last_contact__gte=F("desired_state_at"),
            vitals__last_contact__lte=interruptions.mass_silence_began_at,
            _silence_at_mass_silence__lt=F("_offline_after") + F("_offline_after"),
        )

    def in_trouble(self) -> Self:
        """After `with_status`: those that need attention, the worst first, then the longest."""
        lasted = status_queries.lasted_in_trouble()
        return (
            self.filter(derived_status__in=IN_TROUBLE)
            .with_urgency()
            .order_by("urgency", lasted.desc(), "name", "pk")
        )


class DeletedCameraQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those that a principal may see, who is who may delete."""
        return self.within(principal.scope_for("cameras.delete_camera"))

    def within(self, scope: Scope) -> Self:
        """Those that were in a scope when they were deleted."""
        return self.filter(scope.as_q())


class SiteQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those that a principal may see."""
        return self.within(principal.scope_for("cameras.view_site"))

    def within(self, scope: Scope) -> Self:
        """Those in a scope; one that names a camera holds that camera's site too, to be read."""
        if scope.is_whole:
            return self
        camera = self.model._meta.get_field("cameras").related_model
        named = camera._default_manager.filter(pk__in=scope.cameras, site=OuterRef("pk"))
        return self.filter(Q(pk__in=scope.sites) | Exists(named))

    def matching(self, text: str) -> Self:
        """Those whose name or location contains each word of the text, whatever its case and accents."""
        found = self
        for word in text.split():
            found = found.filter(contains(word))
        return found


# A change that stands for its entry in the log.
IS_ENTRY = Q(block=F("revision")) | Q(block=None)


class ChangeQuerySet(models.QuerySet[Any]):
    def visible_to(self, principal: Principal) -> Self:
        """Those that a principal may see."""
        return self.within(principal.scope_for("cameras.view_change"))

    def within(self, scope: Scope) -> Self:
        """Those of cameras that stood in a scope before or afterwards; the feed says the same of one change."""
        if scope.is_whole:
            return self
        return self.filter(scope.as_q("camera_id", "site_before") | scope.as_q("camera_id", "site_after"))

    def beyond(self, principal: Principal) -> Self:
        """The others: those that a principal may not see. No query for who sees all."""
        if principal.scope_for("cameras.view_change").is_whole:
            return self.none()
        return self.exclude(pk__in=self.visible_to(principal).values("pk"))

    def entries_within(self, scope: Scope) -> Self:
        """After `within`: the entries of which nothing lies outside, and the changes of the others one by one.

        What an entry says of all its changes, such as how many they are, is for who may see them all; of the
        others `is_torn` is set.
        """
        if scope.is_whole:
            return self.entries().annotate(is_torn=Value(False))
        block = self.model._default_manager.filter(block=OuterRef("block"))
        outside = block.exclude(pk__in=block.within(scope).values("pk"))
        rows = self.annotate(is_torn=Exists(outside)).select_related("block")
        return rows.filter(Q(is_torn=True) | IS_ENTRY)

    def since(self, revision: int) -> Self:
        """Those after a revision, oldest first."""
        return self.filter(revision__gt=revision).order_by("revision")

    def entries(self) -> Self:
        """The first change of each entry of the log, with its block; those of older versions have none."""
        return self.filter(IS_ENTRY).select_related("block")

    def with_any_of(self, changes: models.QuerySet[Any], *, one_by_one: bool) -> Self:
        """Those that begin an entry of which a change is among these; with `one_by_one` those that are, too."""
        entries = Q(pk__in=changes.values(entry=Coalesce("block", "revision")))
        return self.filter(entries | Q(pk__in=changes.values("revision")) if one_by_one else entries)

    def that_set_desired_state(self, cameras: Iterable[Any]) -> Self:
        """Those since which these cameras have the desired state that they have; oldest first."""
        set_at = [Q(camera_id=camera.pk, at=camera.desired_state_at) for camera in cameras]
        return self.filter(reduce(or_, set_at, Q(pk__in=())), diff__has_key="desired_state").order_by("revision")

    def of_camera(self, camera_id: UUID, *, after: int | None = None, before: int | None = None) -> Self:
        """The changes of one camera, newest first; only those after or before a revision, where one is given."""
        changes = self.filter(camera_id=camera_id).order_by("-revision")
        if after is not None:
            changes = changes.filter(revision__gt=after)
        if before is not None:
            changes = changes.filter(revision__lt=before)
        return changes
