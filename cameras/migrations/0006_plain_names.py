from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cameras", "0005_note_of_a_change")]

    operations = [
        migrations.RenameField("change", "door", "via"),
        migrations.AlterField("change", "via", models.CharField(max_length=20, verbose_name="via")),
        migrations.RenameField("fleetvitals", "paused_at", "outage_began_at"),
        migrations.RenameField("fleetvitals", "resumed_at", "outage_ended_at"),
        migrations.RenameField("fleetvitals", "hushed_at", "mass_silence_began_at"),
        migrations.RenameField("fleetvitals", "hush_over_at", "mass_silence_ended_at"),
    ]
