"""The columns that names are compared by and that a search looks through.

Sites whose names look the same, such as "North" and "north ", are told apart by a number: the one with the most
cameras keeps its name, the others become "north (2)". The audit trail says so, and cameras stay where they are.
"""

from django.db import migrations, models
from django.utils import timezone

from cameras import names

CHUNK = 500
MAX_NAME = 200


def fill_sites(apps, schema_editor):
    alias = schema_editor.connection.alias
    rows = apps.get_model("cameras", "Site").objects.using(alias)
    audit_trail = apps.get_model("access", "AuditEntry").objects.using(alias)
    sites = list(rows.annotate(camera_count=models.Count("cameras")).order_by("-camera_count", "pk"))
    taken = {names.key(site.name) for site in sites}
    kept = set()
    for site in sites:
        key = names.key(site.name)
        if key in kept:
            before, site.name = site.name, _numbered(site.name, taken)
            key = names.key(site.name)
            taken.add(key)
            audit_trail.create(
                at=timezone.now(),
                by="command:migrate",
                via="command",
                action="site.updated",
                object_type="site",
                object_id=str(site.pk),
                object_name=site.name,
                fields=["name"],
            )
            print(f"\n  Two sites looked the same by name: {ascii(before)} is now {ascii(site.name)}.")
        kept.add(key)
        site.name_key, site.searched = key, _searched(site.name, site.location)
    rows.bulk_update(sites, ["name", "name_key", "searched"], batch_size=CHUNK)


def _numbered(name, taken):
    number = 2
    while names.key(numbered := f"{name[: MAX_NAME - 8]} ({number})") in taken:
        number += 1
    return numbered


def _searched(*texts):
    return "\n".join(map(names.folded, texts))


def fill_cameras(apps, schema_editor):
    rows = apps.get_model("cameras", "Camera").objects.using(schema_editor.connection.alias)
    last = None
    while True:
        rest = rows.filter(pk__gt=last) if last else rows
        cameras = list(rest.only("pk", "name", "address", "location").order_by("pk")[:CHUNK])
        if not cameras:
            return
        for camera in cameras:
            camera.name_key = names.key(camera.name)
            camera.searched = _searched(camera.name, camera.address, camera.location)
        rows.bulk_update(cameras, ["name_key", "searched"])
        last = cameras[-1].pk


class Migration(migrations.Migration):
    dependencies = [("cameras", "0008_redacted_by_an_allow_list"), ("access", "0004_via")]

    operations = [
        migrations.AddField(
            "site", "name_key", models.CharField(editable=False, max_length=names.MAX_KEY, null=True)
        ),
        migrations.AddField("site", "searched", models.TextField(editable=False, null=True)),
        migrations.AddField(
            "camera", "name_key", models.CharField(editable=False, max_length=names.MAX_KEY, null=True)
        ),
        migrations.AddField("camera", "searched", models.TextField(editable=False, null=True)),
        migrations.RunPython(fill_sites, migrations.RunPython.noop),
        migrations.RunPython(fill_cameras, migrations.RunPython.noop),
        migrations.AddConstraint(
            "site", models.UniqueConstraint(fields=["name_key"], name="site_names_look_different")
        ),
        migrations.AddIndex(
            "camera", models.Index(fields=["name_key", "site"], name="camera_by_name_key")
        ),
    ]
