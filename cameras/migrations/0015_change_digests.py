"""Every change gets the digest that chains it to the one before, those that were written before this too."""

from django.db import migrations, models

from controlplane.log_chain import digest_of

CHUNK = 1_000


def chain(apps, schema_editor):
    changes = apps.get_model("cameras", "Change").objects
    digest, after = "", 0
    while rows := list(changes.filter(revision__gt=after).select_related("block").order_by("revision")[:CHUNK]):
        for row in rows:
            first = [row.block] if row.block_id == row.revision else []
            row.digest = digest = digest_of(digest, row, *first)
        changes.bulk_update(rows, ["digest"], batch_size=500)
        after = rows[-1].revision


class Migration(migrations.Migration):
    dependencies = [("cameras", "0014_stream_positions")]

    operations = [
        migrations.AddField(
            "change",
            "digest",
            models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text="Of this change and the one before.",
                max_length=64,
            ),
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
    ]
