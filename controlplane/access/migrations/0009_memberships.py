"""People get their roles by memberships. What the groups of before gave becomes memberships of the whole fleet.

Groups and permissions of a person's own say nothing from here on; they stay where they are, for processes of the
version before that still run. Those that somebody made cannot be translated by
guessing: the migration lists them and stops until MEMBERSHIPS_OF says what becomes of each.
"""

from collections import defaultdict

import django.db.models.deletion
from django.conf import settings
from django.core.management.base import CommandError
from django.db import migrations, models
from django.utils import timezone

from controlplane.access.groups import GROUPS, ROLE_OF_GROUP

ROLES = ("viewer", "operator", "administrator")
KNOWN = frozenset().union(*GROUPS.values())


def forwards(apps, schema_editor):
    alias = schema_editor.connection.alias
    Membership, AuditEntry = (apps.get_model("access", name) for name in ("Membership", "AuditEntry"))
    roles = _roles_by_person(apps, alias)
    Membership.objects.using(alias).bulk_create(
        Membership(user=user, role=role, site_id=site_id)
        for user, by_place in roles.items()
        for site_id, role in by_place.items()
    )
    AuditEntry.objects.using(alias).bulk_create(_entry(AuditEntry, user, roles[user]) for user in roles)


def _roles_by_person(apps, alias):
    """By person, a role by site or None for the whole fleet; the greatest where several say one for a place."""
    given = settings.MEMBERSHIPS_OF
    roles, unclear = defaultdict(dict), {}

    def give(user, written):
        for site_id, role in _read(apps, alias, written):
            held = roles[user].get(site_id)
            roles[user][site_id] = max(held, role, key=ROLES.index) if held else role

    for group in apps.get_model("auth", "Group").objects.using(alias).order_by("name"):
        people = list(group.user_set.order_by("pk"))
        permissions = _names(group.permissions)
        if group.name in ROLE_OF_GROUP and permissions == GROUPS[group.name]:
            written = [ROLE_OF_GROUP[group.name]]
        else:
            written = given.get(f"group {group.name}")
        if written is None and people:
            unclear[f"group {group.name}"] = (permissions, [user.username for user in people])
        for user in people if written else ():
            give(user, written)
    people = apps.get_model("auth", "User").objects.using(alias).exclude(user_permissions=None)
    for user in people.distinct().order_by("pk"):
        permissions = _names(user.user_permissions)
        written = given.get(f"person {user.username}")
        if written is None and permissions and not user.is_superuser:
            unclear[f"person {user.username}"] = (permissions, [])
        elif written:
            give(user, written)
    if unclear:
        raise CommandError(_question(unclear))
    return {user: by_place for user, by_place in roles.items() if by_place}


def _names(permissions):
    """Those that say something here, as `app.codename`."""
    rows = permissions.values_list("content_type__app_label", "codename")
    return frozenset(f"{app_label}.{codename}" for app_label, codename in rows) & KNOWN


def _read(apps, alias, written):
    """Pairs of a site's id, or None, and a role."""
    for text in written:
        role, _at, name = text.partition(" at ")
        if role not in ROLES:
            raise CommandError(f"MEMBERSHIPS_OF: {text!r} begins with no role. Roles are {', '.join(ROLES)}.")
        if not name:
            yield None, role
            continue
        site = apps.get_model("cameras", "Site").objects.using(alias).filter(name=name).first()
        if site is None:
            raise CommandError(f"MEMBERSHIPS_OF: there is no site {name!r}.")
        yield site.pk, role


def _question(unclear):
    lines = []
    for who, (permissions, people) in unclear.items():
        more = f"; people: {', '.join(people)}" if people else ""
        lines.append(f"  {who}: {', '.join(sorted(permissions)) or 'no permission'}{more}")
    example = ", ".join(f'"{who}": ["viewer"]' for who in list(unclear)[:2])
    return (
        "People have roles now: viewer, operator or administrator, of the whole fleet or at a site. These groups and"
        " personal permissions were made by hand, so it must be said what becomes of them; nothing was changed:\n"
        + "\n".join(lines)
        + "\nName each in MEMBERSHIPS_OF and migrate again. [] takes all away, and a role may be at a site, as in"
        f' ["operator at Harbour"]:\n  MEMBERSHIPS_OF=\'{{{example}}}\''
    )


def _entry(AuditEntry, user, roles):
    said = [f"{role} of the whole fleet" if site is None else f"{role} at site {site}" for site, role in roles.items()]
    return AuditEntry(
        at=timezone.now(),
        by="command:migrate",
        via="command",
        action="user.roles_changed",
        object_type="user",
        object_id=str(user.pk),
        object_name=user.username,
        before=[],
        after=sorted(said),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0008_first_passwords"),
        ("alerts", "0002_groups"),  # the last that gives permissions to groups
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cameras", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("operator", "Operator"),
                            ("administrator", "Administrator"),
                        ],
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                ("site_id", models.UUIDField(blank=True, db_index=True, null=True, verbose_name="site")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "role",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "site_id"), name="membership_at_a_site"),
                    models.UniqueConstraint(
                        condition=models.Q(("site_id", None)),
                        fields=("user",),
                        name="membership_of_the_whole_fleet",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="before",
            field=models.JSONField(
                blank=True, help_text="Roles of a person, in words.", null=True, verbose_name="before"
            ),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="after",
            field=models.JSONField(
                blank=True, help_text="Roles of a person, in words.", null=True, verbose_name="after"
            ),
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
