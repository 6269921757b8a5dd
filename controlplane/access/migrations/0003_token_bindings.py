"""A token may be bound to several cameras and sites: what it is bound to becomes rows of their own."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone


def to_rows(apps, schema_editor):
    ApiToken, TokenBinding = (apps.get_model("access", name) for name in ("ApiToken", "TokenBinding"))
    alias = schema_editor.connection.alias
    bound = ApiToken.objects.using(alias).exclude(camera_id=None, site_id=None)
    TokenBinding.objects.using(alias).bulk_create(
        (
            TokenBinding(token_id=token_id, camera_id=camera_id, site_id=site_id)
            for token_id, camera_id, site_id in bound.values_list("pk", "camera_id", "site_id")
        ),
        batch_size=500,
    )
    bound.update(is_bound=True)


def to_columns(apps, schema_editor):
    """Two columns hold one binding. A token with several, or with none left, would become another: it is revoked."""
    ApiToken, TokenBinding = (apps.get_model("access", name) for name in ("ApiToken", "TokenBinding"))
    alias = schema_editor.connection.alias
    bound = ApiToken.objects.using(alias).filter(is_bound=True)
    several = bound.annotate(count=Count("bindings")).exclude(count=1)
    bound.filter(pk__in=several.values("pk"), revoked_at=None).update(revoked_at=timezone.now())
    one = TokenBinding.objects.using(alias).filter(token=OuterRef("pk")).order_by("pk")
    bound.update(camera_id=Subquery(one.values("camera_id")[:1]), site_id=Subquery(one.values("site_id")[:1]))


class Migration(migrations.Migration):
    dependencies = [("access", "0002_groups")]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="is_bound",
            field=models.BooleanField(default=False, editable=False, verbose_name="bound"),
        ),
        migrations.CreateModel(
            name="TokenBinding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("camera_id", models.UUIDField(null=True)),
                ("site_id", models.UUIDField(null=True)),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bindings",
                        to="access.apitoken",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("camera_id", None), ("site_id", None), _connector="XOR"),
                        name="tokenbinding_camera_or_site",
                    ),
                    models.UniqueConstraint(fields=("camera_id", "token"), name="tokenbinding_camera"),
                    models.UniqueConstraint(fields=("site_id", "token"), name="tokenbinding_site"),
                ],
            },
        ),
        migrations.RunPython(to_rows, to_columns),
        migrations.RemoveConstraint(model_name="apitoken", name="apitoken_one_binding"),
        migrations.RemoveField(model_name="apitoken", name="camera_id"),
        migrations.RemoveField(model_name="apitoken", name="site_id"),
    ]
