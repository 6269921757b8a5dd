"""The groups of people: Viewers, Operators, Administrators, with their permissions."""

from django.db import migrations

from controlplane.access.groups import make_groups


def forwards(apps, schema_editor):
    make_groups(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
