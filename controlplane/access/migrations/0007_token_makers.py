from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0006_audit_objects")]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken",
            options={"permissions": [("add_workertoken", "Can add token of workers")], "verbose_name": "token"},
        ),
        migrations.AddField(
            model_name="apitoken",
            name="idempotency_key",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="maker",
            field=models.CharField(blank=True, db_default="", db_index=True, editable=False, max_length=64),
        ),
        migrations.AddIndex(
            model_name="apitoken",
            index=models.Index(fields=["created_at", "id"], name="token_by_age"),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at", None)) & ~models.Q(("idempotency_key", "")),
                fields=("maker", "idempotency_key"),
                name="token_by_idempotency_key",
            ),
        ),
    ]
