"""What a person may give to others, and whom they may edit: nothing, and nobody, beyond what they hold."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import models


def is_within_reach(editor: Any, person: Any) -> bool:
    """Whether `person`, active or not, holds nothing that `editor` does not."""
    if person is None or editor.is_superuser:
        return True
    more = _beyond(editor).filter(models.Q(user=person) | models.Q(group__user=person))
    return not person.is_superuser and not more.exists()


def groups_within(editor: Any) -> Any:
    """The groups that `editor` may give: those that hold nothing which `editor` does not."""
    groups = Group.objects.order_by("name")
    return groups if editor.is_superuser else groups.exclude(permissions__in=_beyond(editor))


def _beyond(editor: Any) -> Any:
    """The permissions that `editor` does not hold."""
    held = Permission.objects.filter(models.Q(user=editor) | models.Q(group__user=editor))
    return Permission.objects.exclude(pk__in=held.values("pk"))
