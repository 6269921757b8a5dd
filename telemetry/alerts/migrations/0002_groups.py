"""The groups of people, with what they may do here."""

from django.db import migrations

from controlplane.access.groups import make_groups


def forwards(apps, schema_editor):
    make_groups(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0001_initial"),
        ("access", "0002_groups"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
