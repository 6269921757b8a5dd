"""Room in the pages of the vitals, so that PostgreSQL updates them in place (HOT)."""

from django.db import migrations

STORAGE = """
ALTER TABLE cameras_cameravitals SET (
    fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500
)
"""


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(STORAGE)


class Migration(migrations.Migration):
    dependencies = [("cameras", "0001_initial")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
