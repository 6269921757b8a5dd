from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0006_plain_names'),
    ]

    operations = [
        migrations.AlterField(
            model_name='change',
            name='note',
            field=models.CharField(blank=True, db_default='', help_text='What it was for, if the action says.', max_length=300, verbose_name='note'),
        ),
        migrations.AlterField(
            model_name='fleetvitals',
            name='mass_silence_ended_at',
            field=models.DateTimeField(help_text='When it reported again; empty while it lasts.', null=True),
        ),
    ]
