"""The URL of a webhook is sealed as its secret is: with some chat tools it is all that a sender needs."""

from django.db import migrations, models

from telemetry.alerts import sealing


def seal(apps, schema_editor):
    subscriptions = apps.get_model("alerts", "Subscription").objects
    for subscription in subscriptions.exclude(url=""):
        sealing.put_url(subscription, subscription.url)
        subscription.save(update_fields=["sealed_url", "shown_url"])


def unseal(apps, schema_editor):
    subscriptions = apps.get_model("alerts", "Subscription").objects
    for subscription in subscriptions.exclude(sealed_url=""):
        subscription.url = sealing.url_of(subscription)
        subscription.save(update_fields=["url"])


class Migration(migrations.Migration):
    dependencies = [("alerts", "0006_failing")]

    operations = [
        migrations.AddField(
            "subscription", "sealed_url", models.TextField(blank=True, default="", editable=False), preserve_default=False
        ),
        migrations.AddField(
            "subscription",
            "shown_url",
            models.CharField(blank=True, default="", editable=False, max_length=300, verbose_name="URL"),
            preserve_default=False,
        ),
        migrations.RunPython(seal, unseal),
        migrations.RemoveField("subscription", "url"),
    ]
