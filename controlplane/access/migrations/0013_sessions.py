import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def remove_keys_in_clear(apps, schema_editor):
    """Sessions of before stand under their keys; nobody reads them any more."""
    apps.get_model("sessions", "Session").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0012_token_names"),
        ("sessions", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "session_key",
                    models.CharField(editable=False, max_length=64, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(verbose_name="signed in")),
                ("last_used_at", models.DateTimeField(db_index=True, verbose_name="last used")),
                ("address", models.CharField(blank=True, max_length=64, verbose_name="address")),
                ("user_agent", models.CharField(blank=True, max_length=200, verbose_name="browser")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={"verbose_name": "session", "default_permissions": ()},
        ),
        migrations.RunPython(remove_keys_in_clear, migrations.RunPython.noop),
    ]
