from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0003_token_bindings")]

    operations = [
        migrations.RenameField("auditentry", "door", "via"),
        migrations.AlterField("auditentry", "via", models.CharField(max_length=20, verbose_name="via")),
    ]
