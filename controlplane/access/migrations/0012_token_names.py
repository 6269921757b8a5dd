from datetime import UTC, datetime

from django.db import migrations, models

MAX_NAME = 100


def number_twins(apps, schema_editor):
    """Of several tokens with one name the oldest keeps it; the others get a number, and an entry in the trail."""
    tokens = apps.get_model("access", "ApiToken").objects.using(schema_editor.connection.alias)
    entries = apps.get_model("access", "AuditEntry").objects.using(schema_editor.connection.alias)
    live = tokens.filter(revoked_at=None)
    taken = set(live.values_list("name", flat=True))
    twins = live.values("name").annotate(many=models.Count("pk")).filter(many__gt=1).values_list("name", flat=True)
    for name in list(twins):
        number = 2
        for token in list(live.filter(name=name).order_by("created_at", "pk"))[1:]:
            while (numbered := _numbered(name, number)) in taken:
                number += 1
            taken.add(numbered)
            tokens.filter(pk=token.pk).update(name=numbered)
            entries.create(
                at=datetime.now(UTC),
                by="command:migrate",
                principal="command:migrate",
                via="command",
                action="token.updated",
                object_type="token",
                object_id=str(token.pk),
                object_name=numbered,
                fields=["name"],
            )


def _numbered(name, number):
    ending = f" ({number})"
    return name[: MAX_NAME - len(ending)] + ending


class Migration(migrations.Migration):
    dependencies = [("access", "0011_audit_chain")]

    operations = [
        migrations.RunPython(number_twins, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(revoked_at=None), fields=("name",), name="token_by_name_while_live"
            ),
        ),
    ]
