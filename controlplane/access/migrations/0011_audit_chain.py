"""Entries of the audit trail are chained by digests, those that were written before this too."""

from django.db import migrations, models

from controlplane.log_chain import digest_of

CHUNK = 1_000


def chain(apps, schema_editor):
    entries = apps.get_model("access", "AuditEntry").objects
    links = apps.get_model("access", "AuditLink").objects
    digest, number, after = "", 0, 0
    while rows := list(entries.filter(pk__gt=after).prefetch_related("all_objects").order_by("pk")[:CHUNK]):
        made = []
        for row in rows:
            digest = digest_of(digest, row, *sorted(row.all_objects.all(), key=lambda each: each.pk))
            number += 1
            made.append(links.model(entry_id=row.pk, number=number, digest=digest))
        links.bulk_create(made, batch_size=500)
        after = rows[-1].pk
    apps.get_model("access", "AuditHead").objects.create(pk=1, number=number, digest=digest)


class Migration(migrations.Migration):
    dependencies = [("access", "0010_audit_facts")]

    operations = [
        migrations.CreateModel(
            "AuditLink",
            [
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(unique=True)),
                ("digest", models.CharField(max_length=64)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.CreateModel(
            "AuditHead",
            [
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                ("digest", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(id=1), name="audit_head_is_one_row")],
            },
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
