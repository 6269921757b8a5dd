import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0005_preferences")]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="object_count",
            field=models.PositiveIntegerField(
                db_default=1,
                default=1,
                help_text="Of several the entry names the first.",
                verbose_name="objects",
            ),
        ),
        migrations.CreateModel(
            name="AuditObject",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("object_id", models.CharField(db_index=True, max_length=64, verbose_name="object id")),
                ("object_name", models.CharField(blank=True, max_length=200, verbose_name="object")),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="all_objects",
                        to="access.auditentry",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
    ]
