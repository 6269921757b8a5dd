"""The groups that people had before memberships, as earlier migrations make them."""

from typing import Any

from controlplane.access.principals import ADMINISTRATOR, OPERATOR, VIEWER

ROLE_OF_GROUP = {"Viewers": "viewer", "Operators": "operator", "Administrators": "administrator"}
# What came after groups had made way for roles: no group ever held it.
SINCE = frozenset({"alerts.view_incident", "alerts.acknowledge_incident"})
GROUPS = {
    "Viewers": VIEWER - SINCE,
    "Operators": OPERATOR - SINCE,
    "Administrators": (ADMINISTRATOR - SINCE) | {"auth.view_group", "auth.change_group"},
}


def make_groups(apps: Any, alias: str) -> None:
    """Make the groups, or bring their permissions up to date; what was added by hand is kept.

    Permissions are made here, since Django makes its own only after the last migration. `apps` is the
    registry of models to use, a migration's or Django's.
    """
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    Group = apps.get_model("auth", "Group")
    for name, permissions in GROUPS.items():
        group, _ = Group.objects.using(alias).get_or_create(name=name)
        for permission in sorted(permissions):
            app_label, codename = permission.split(".")
            verb, model = codename.split("_")
            kind, _ = ContentType.objects.using(alias).get_or_create(app_label=app_label, model=model)
            row, _ = Permission.objects.using(alias).get_or_create(
                content_type=kind, codename=codename, defaults={"name": f"Can {verb} {model}"}
            )
            group.permissions.add(row)
