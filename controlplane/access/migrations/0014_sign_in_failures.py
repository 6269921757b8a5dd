from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0013_sessions'),
    ]

    operations = [
        migrations.CreateModel(
            name='SignInFailures',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_digest', models.CharField(max_length=64)),
                ('address', models.CharField(max_length=64)),
                ('failures', models.PositiveIntegerField()),
                ('last_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('name_digest', 'address'), name='sign_in_failures_by_name')],
            },
        ),
    ]
