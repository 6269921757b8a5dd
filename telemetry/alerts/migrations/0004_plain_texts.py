from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0003_watched_zones'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alert',
            name='data',
            field=models.JSONField(default=dict, help_text='What a webhook says beside the text.'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('camera.offline', 'Camera offline'), ('camera.recovered', 'Camera no longer offline'), ('camera.flapping', 'Camera goes on and off'), ('camera.steady', 'Camera steady again'), ('camera.orphaned', 'Worker of a stopped camera'), ('camera.orphan_gone', 'Worker of a stopped camera is gone'), ('fleet.silent', 'Fleet silent'), ('fleet.heard', 'Fleet reports again'), ('zone.over_capacity', 'Zone over capacity'), ('zone.within_capacity', 'Zone within capacity'), ('test', 'Test')], max_length=32, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='topics',
            field=models.JSONField(default=list, verbose_name='notifies of'),
        ),
        migrations.AlterField(
            model_name='watchedzone',
            name='received_at',
            field=models.DateTimeField(help_text='The newest arrival among what was judged.', null=True),
        ),
        migrations.AlterField(
            model_name='watchedzone',
            name='seen_at',
            field=models.DateTimeField(help_text="The worker's clock: the newest sample that was judged."),
        ),
    ]
