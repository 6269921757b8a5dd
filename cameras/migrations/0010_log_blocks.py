"""Entries of the log: what was logged before is put together by who did it, when, and in which request."""

from itertools import groupby

import django.db.models.deletion
from django.db import migrations, models

from cameras.blocks import action_of

# Blocks at once.
CHUNK = 500


def make_blocks(apps, schema_editor):
    alias = schema_editor.connection.alias
    Change, Block = apps.get_model("cameras", "Change"), apps.get_model("cameras", "ChangeBlock")
    sites = dict(apps.get_model("cameras", "Site").objects.using(alias).values_list("pk", "name"))
    changes = Change.objects.using(alias).order_by("revision").iterator(chunk_size=1000)
    blocks = []
    for _, group in groupby(changes, key=lambda change: (change.at, change.by, change.via, change.request_id)):
        blocks.append(block_of(Block, list(group), sites))
        if len(blocks) >= CHUNK:
            Block.objects.using(alias).bulk_create(blocks)
            blocks = []
    Block.objects.using(alias).bulk_create(blocks)
    before = Block.objects.using(alias).filter(first_revision__lte=models.OuterRef("revision"))
    newest = before.order_by("-first_revision").values("first_revision")[:1]
    Change.objects.using(alias).update(block=models.Subquery(newest))


def block_of(Block, changes, sites):
    first = changes[0]
    places = {change.site_before if change.kind == "deleted" else change.site_after for change in changes}
    notes = {change.note for change in changes}
    fields = {}
    for change in changes:
        for name in change.diff:
            fields[name] = fields.get(name, 0) + 1
    site_id = places.pop() if len(places) == 1 else None
    return Block(
        first_revision=first.revision,
        at=first.at,
        action=action_of(changes),
        by=first.by,
        via=first.via,
        request_id=first.request_id,
        count=len(changes),
        name=first.name,
        site_id=site_id,
        site_name=sites.get(site_id, ""),
        fields=fields,
        note=notes.pop() if len(notes) == 1 else "",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('cameras', '0009_names_compared_and_searched'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangeBlock',
            fields=[
                ('first_revision', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='entry')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('action', models.CharField(choices=[('registered', 'registered'), ('started', 'started'), ('stopped', 'stopped'), ('moved', 'moved'), ('changed', 'changed'), ('deleted', 'deleted'), ('restored', 'restored'), ('imported', 'imported'), ('reverted', 'reverted')], max_length=16, verbose_name='action')),
                ('by', models.CharField(max_length=200, verbose_name='by')),
                ('via', models.CharField(max_length=20, verbose_name='via')),
                ('request_id', models.CharField(blank=True, max_length=64, verbose_name='request')),
                ('count', models.PositiveIntegerField(verbose_name='changes')),
                ('name', models.CharField(help_text='Of the first change.', max_length=200, verbose_name='camera')),
                ('site_id', models.UUIDField(help_text='Where all of its cameras stand, if at one site.', null=True)),
                ('site_name', models.CharField(blank=True, help_text='As it was called then.', max_length=200, verbose_name='site')),
                ('fields', models.JSONField(default=dict, help_text='How many of its changes touch a field, by field.')),
                ('note', models.CharField(blank=True, help_text='What it was for.', max_length=300, verbose_name='note')),
            ],
            options={
                'verbose_name': 'entry of the log',
                'verbose_name_plural': 'changes',
                'default_permissions': (),
                'indexes': [models.Index(fields=['at'], name='block_by_age')],
            },
        ),
        migrations.AddField(
            model_name='change',
            name='block',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='cameras.changeblock'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(condition=models.Q(('block', models.F('revision')), ('block', None), _connector='OR'), fields=['revision'], name='change_of_entry'),
        ),
        migrations.RunPython(make_blocks, migrations.RunPython.noop),
    ]
