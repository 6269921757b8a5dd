"""What happened to the fleet, and who is notified: transitions, breaches of capacity, alerts, and their delivery.

Rows hold the camera's id and name and no foreign key: what happened outlives the camera.
"""

import uuid

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.models import Site
from cameras.status import STATUS_CHOICES
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.querysets import DeliveryQuerySet, SubscriptionQuerySet, TransitionQuerySet

MAX_GRACE_SECONDS = 3_600
# What of a subscription says where its messages go; each channel has one or several of them.
DESTINATION_FIELDS = ("url", "addresses")


class Transition(models.Model):
    """One change of a camera's status, at the deadline that was crossed and not when that was noticed."""

    camera_id = models.UUIDField(_("camera id"))
    camera_name = models.CharField(_("camera"), max_length=200)
    site_id = models.UUIDField(null=True)
    at = models.DateTimeField(_("at"))
    from_status = models.CharField(_("from"), max_length=16, choices=STATUS_CHOICES)
    to_status = models.CharField(_("to"), max_length=16, choices=STATUS_CHOICES)
    reason = models.CharField(_("reason"), max_length=32, help_text=_("The short code of the reason."))
    detected_at = models.DateTimeField(_("detected"))

    objects = models.Manager.from_queryset(TransitionQuerySet)()

    class Meta:
        verbose_name = _("transition")
        indexes = [
            models.Index(fields=["-at", "id"], name="transition_newest_first"),
            models.Index(fields=["site_id", "-at", "id"], name="transition_of_a_site"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["camera_id", "at", "to_status"], name="transition_is_stored_once")
        ]

    def __str__(self) -> str:
        return f"{self.camera_name}: {self.from_status} → {self.to_status}"


class Flapping(models.Model):
    """A camera whose alerts are held back because it flaps; the row is removed when it is steady again."""

    camera_id = models.UUIDField(primary_key=True)
    since_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.camera_id} since {self.since_at}"


class Breach(models.Model):
    """A time in which more people were in a zone than its capacity, for longer than the hold time."""

    camera_id = models.UUIDField()
    camera_name = models.CharField(max_length=200)
    site_id = models.UUIDField(null=True)
    zone = models.CharField(max_length=64)
    zone_name = models.CharField(max_length=100)
    began_at = models.DateTimeField(help_text=_("The first sample above the capacity."))
    ended_at = models.DateTimeField(null=True, help_text=_("The first sample within it."))

    class Meta:
        verbose_name = _("breach")
        verbose_name_plural = _("breaches")
        constraints = [
            models.UniqueConstraint(
                fields=["camera_id", "zone"], condition=models.Q(ended_at=None), name="one_open_breach_a_zone"
            )
        ]

    def __str__(self) -> str:
        return f"{self.camera_name}, {self.zone_name}"


class WatchedZone(models.Model):
    """A zone with a capacity: up to where its samples were read. Written together with the breaches found."""

    pk = models.CompositePrimaryKey("camera_id", "zone")
    camera_id = models.UUIDField()
    zone = models.CharField(max_length=64)
    seen_at = models.DateTimeField(help_text="The worker's clock: the newest sample that was judged.")
    above_since = models.DateTimeField(
        null=True, help_text="The first sample since which it was above the capacity and never unknown."
    )
    received_at = models.DateTimeField(null=True, help_text="The newest arrival among what was judged.")

    def __str__(self) -> str:
        return f"{self.camera_id} {self.zone} up to {self.seen_at}"


class Topic(models.TextChoices):
    """What a subscription may ask for."""

    SILENCE = "silence", _("A camera or a whole site goes offline, comes back, or a camera goes on and off")
    FAILING = "failing", _("A worker or the orchestrator says that a camera fails, and that it works again")
    ORPHANED = "orphaned", _("A worker reports for a camera that is stopped")
    FLEET = "fleet", _("Most of the fleet falls silent at once, and reports again")
    CAPACITY = "capacity", _("More people in a zone than its capacity")


class Kind(models.TextChoices):
    """What happened; the values are the `type` of a webhook, and do not change."""

    OFFLINE = "camera.offline", _("Camera offline")
    RECOVERED = "camera.recovered", _("Camera no longer offline")
    FLAPPING = "camera.flapping", _("Camera goes on and off")
    STEADY = "camera.steady", _("Camera steady again")
    FAILING = "camera.failing", _("Camera failing")
    WORKING = "camera.working", _("Camera works again")
    ORPHANED = "camera.orphaned", _("Worker of a stopped camera")
    ORPHAN_GONE = "camera.orphan_gone", _("Worker of a stopped camera is gone")
    SITE_SILENT = "site.silent", _("Site silent")
    SITE_HEARD = "site.heard", _("Site reports again")
    MASS_SILENCE_BEGAN = "fleet.silent", _("Fleet silent")
    MASS_SILENCE_ENDED = "fleet.heard", _("Fleet reports again")
    CROWDED = "zone.over_capacity", _("Zone over capacity")
    CROWD_GONE = "zone.within_capacity", _("Zone within capacity")
    REMINDER = "incident.reminder", _("Not acknowledged")
    CHANNEL_FAILING = "channel.failing", _("Alerts do not arrive")
    TEST = "test", _("Test")


TOPIC_OF = {
    Kind.OFFLINE: Topic.SILENCE,
    Kind.RECOVERED: Topic.SILENCE,
    Kind.FLAPPING: Topic.SILENCE,
    Kind.STEADY: Topic.SILENCE,
    Kind.FAILING: Topic.FAILING,
    Kind.WORKING: Topic.FAILING,
    Kind.ORPHANED: Topic.ORPHANED,
    Kind.ORPHAN_GONE: Topic.ORPHANED,
    Kind.SITE_SILENT: Topic.SILENCE,
    Kind.SITE_HEARD: Topic.SILENCE,
    Kind.MASS_SILENCE_BEGAN: Topic.FLEET,
    Kind.MASS_SILENCE_ENDED: Topic.FLEET,
    Kind.CROWDED: Topic.CAPACITY,
    Kind.CROWD_GONE: Topic.CAPACITY,
}


class Alert(models.Model):
    """Something to notify of, written in the transaction of what happened."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=32, choices=Kind)
    at = models.DateTimeField(_("at"), help_text=_("When it happened."))
    created_at = models.DateTimeField(help_text=_("When it was noticed."))
    camera_id = models.UUIDField(null=True)
    site_id = models.UUIDField(null=True)
    incident = models.ForeignKey(Incident, null=True, on_delete=models.SET_NULL, related_name="alerts")
    text = models.CharField(_("text"), max_length=600, help_text=_("One sentence for people."))
    data = models.JSONField(default=dict, help_text=_("What a webhook says beside the text."))

    class Meta:
        verbose_name = _("alert")

    def __str__(self) -> str:
        return self.text


class Channel(models.TextChoices):
    """By what a subscription notifies; what each does stands in `channels`."""

    WEBHOOK = "webhook", _("Webhook")
    EMAIL = "email", _("E-mail")


class Format(models.TextChoices):
    """What a webhook is sent; what each is stands in `channels.formats`."""

    STANDARD = "standard", _("Signed JSON for programs (Standard Webhooks)")
    SLACK = "slack", _("Slack")
    DISCORD = "discord", _("Discord")
    TEAMS = "teams", _("Microsoft Teams")
    MATTERMOST = "mattermost", _("Mattermost")
    PAGERDUTY = "pagerduty", _("PagerDuty")
    NTFY = "ntfy", _("ntfy")


class Subscription(models.Model):
    """Who is notified of what, and how."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, unique=True)
    channel = models.CharField(_("channel"), max_length=16, choices=Channel)
    format = models.CharField(
        _("format"), max_length=16, choices=Format, default=Format.STANDARD, db_default=Format.STANDARD.value
    )
    sealed_url = models.TextField(editable=False, blank=True)
    shown_url = models.CharField(_("URL"), max_length=300, editable=False, blank=True)
    addresses = models.TextField(_("e-mail addresses"), blank=True, help_text=_("One a line."))
    sealed_secret = models.TextField(editable=False, blank=True)
    sealed_old_secret = models.TextField(editable=False, blank=True, db_default="")
    old_secret_until = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=300, blank=True, editable=False, db_default="")
    failing_told_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When its receiver asked never to be called again.")
    )
    topics = models.JSONField(_("notifies of"), default=list)
    site = models.ForeignKey(
        Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    grace_seconds = models.PositiveIntegerField(
        _("grace (seconds)"), default=60, validators=[MaxValueValidator(MAX_GRACE_SECONDS)]
    )
    escalation_seconds = models.PositiveIntegerField(
        _("only what nobody has acknowledged"), default=0, db_default=0
    )
    repeat_seconds = models.PositiveIntegerField(_("reminders"), default=0, db_default=0)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    quiet_zone = models.CharField(_("time zone"), max_length=64, default="UTC", db_default="UTC")
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), editable=False)

    objects = models.Manager.from_queryset(SubscriptionQuerySet)()

    class Meta:
        verbose_name = _("subscription")

    def __str__(self) -> str:
        return self.name

    def wants(self, alert: Alert) -> bool:
        """Whether this alert is for this subscription; what concerns the whole fleet is for every site."""
        if not self.is_active or TOPIC_OF[Kind(alert.kind)] not in self.topics:
            return False
        if alert.camera_id is None and alert.site_id is None:
            return True
        return self.site_id is None or alert.site_id == self.site_id


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    GIVEN_UP = "given_up", _("Given up")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Outcome(models.TextChoices):
    """What came of one attempt to deliver."""

    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class AttemptTotal(models.Model):
    """How many attempts by a channel ever had an outcome: a counter for the metrics of every process.

    Deliveries are removed after a while, and whoever sends them may be a process that ends after each round.
    """

    pk = models.CompositePrimaryKey("channel", "outcome")
    channel = models.CharField(max_length=16, choices=Channel)
    outcome = models.CharField(max_length=16, choices=Outcome)
    attempts = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel}, {self.outcome}: {self.attempts}"


class Delivery(models.Model):
    """An alert on its way to one subscription: the durable outbox, and afterwards the log.

    Its id is the `webhook-id`: the same on every attempt.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, verbose_name=_("alert"), on_delete=models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(
        Subscription, verbose_name=_("subscription"), on_delete=models.CASCADE, related_name="deliveries"
    )
    state = models.CharField(_("state"), max_length=16, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    follows = models.ForeignKey(
        "self",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The beginning of what this ends: not sent before that is settled.",
    )
    created_at = models.DateTimeField(_("created"))
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    addresses = models.JSONField(_("addresses"), null=True, help_text=_("Of an e-mail, what became of each."))
    detail = models.CharField(_("detail"), max_length=300, blank=True, help_text=_("What the last attempt met."))

    objects = models.Manager.from_queryset(DeliveryQuerySet)()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"], condition=models.Q(state="waiting"), name="delivery_due"
            ),
            models.Index(fields=["-created_at", "-id"], name="delivery_newest_first"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["alert", "subscription"], name="delivery_once_a_subscription")
        ]

    def __str__(self) -> str:
        return str(self.pk)
