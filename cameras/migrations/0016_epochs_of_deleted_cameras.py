"""A camera that is restored gives no epoch twice: the last one is kept in the bin."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cameras", "0015_change_digests"),
    ]

    operations = [
        migrations.AddField(
            model_name="deletedcamera",
            name="epoch",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Fences off the workers of before."
            ),
        ),
    ]
