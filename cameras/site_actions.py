"""What can be done to sites. Entry points call these; each is one transaction with its audit entry.

`by` is the author: written into the audit trail, and checked for the permission (each action may raise
`guards.OutOfScope`). `now` is read once by the entry point.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from cameras import guards
from cameras.folded_columns import outdated_by
from cameras.intent import InvalidIntent
from cameras.models import Site
from controlplane.access import audit, memberships, tokens
from controlplane.access.principals import Author
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError


class SiteInUse(Exception):
    """A site that still has cameras is not removed: they would lose their time zone unnoticed."""


def register_site(*, values: Mapping[str, Any], by: Author, now: datetime) -> Site:
    """A new site from values of `intent.clean_site`. Raises InvalidIntent for a name that looks like another's."""
    guards.require_fleet(by.principal, "cameras.add_site")
    return _save(Site(), values, "site.created", by, now)


def update_site(*, site: Site, values: Mapping[str, Any], by: Author, now: datetime) -> Site:
    """The site with just these values changed.

    Raises InvalidIntent for a name that looks like another's, and Site.DoesNotExist where it was removed
    meanwhile.
    """
    guards.require_site(by.principal, "cameras.change_site", site.pk)
    changed = {name: value for name, value in values.items() if getattr(site, name) != value}
    return _save(site, changed, "site.updated", by, now) if changed else site


def _save(site: Site, values: Mapping[str, Any], action: str, by: Author, now: datetime) -> Site:
    new = site._state.adding
    for name, value in values.items():
        setattr(site, name, value)
    try:
        with transaction.atomic():
            if not new and not lock_site(site.pk):
                raise Site.DoesNotExist
            columns = None if new else {*values, *outdated_by(Site, values.keys())}
            site.save(force_insert=new, update_fields=columns)
            _audit(site, action, by, now, list(values))
    except IntegrityError:
        same = Site.objects.filter(name=site.name).exclude(pk=site.pk).exists()
        fault = "this name" if same else "a name that looks the same; choose one that people can tell from it"
        raise InvalidIntent([FieldError("name", f"Another site has {fault}.", ErrorCode.TAKEN)]) from None
    return site


def retire_site(*, site: Site, by: Author, now: datetime) -> None:
    """Remove a site, with what binds tokens to it and the roles that people have there.

    Raises SiteInUse while it has cameras, and Site.DoesNotExist.
    """
    guards.require_site(by.principal, "cameras.delete_site", site.pk)
    with transaction.atomic():
        if not lock_site(site.pk):
            raise Site.DoesNotExist
        if site.cameras.exists():
            raise SiteInUse
        _audit(site, "site.deleted", by, now, [])
        tokens.unbind_from_site(site_id=site.pk, by=by, now=now)
        memberships.leave_site(site_id=site.pk, by=by, now=now)
        site.delete()


def lock_site(site_id: UUID) -> bool:
    """Lock the site until the transaction ends; returns whether it exists."""
    return bool(Site.objects.select_for_update(no_key=True).filter(pk=site_id).values_list("pk").first())


def _audit(site: Site, action: str, by: Author, now: datetime, fields: list[str]) -> None:
    audit.record(
        by=by,
        now=now,
        action=action,
        object_type="site",
        object_id=site.pk,
        object_name=site.name,
        fields=fields,
    )
