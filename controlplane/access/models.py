"""Rows of access: tokens of machines, people's roles and what is theirs, and the trail beside the change log."""

import uuid

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.access.principals import ROLES_OF_PEOPLE, Role

# The time zone of a person who has not chosen one by name.
OF_SITE, OF_BROWSER = "site", "browser"


class ApiToken(models.Model):
    """A machine's credential. Only the SHA-256 digest of the secret is stored; the secret is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Whose token this is, for the change log."))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=12, editable=False)
    role = models.CharField(_("role"), max_length=16, choices=Role)
    # Stored, and not derived from its bindings: a token that has lost them all may see nothing, not everything.
    is_bound = models.BooleanField(_("bound"), default=False, editable=False)
    created_at = models.DateTimeField(_("created"))
    created_by = models.CharField(_("created by"), max_length=200)
    # The id of the principal that made it. What a token has made is revoked with it.
    maker = models.CharField(max_length=64, db_default="", blank=True, editable=False, db_index=True)
    idempotency_key = models.CharField(max_length=200, db_default="", blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(
        _("last used"), null=True, blank=True, help_text=_("Written about once a minute.")
    )

    class Meta:
        verbose_name = _("token")
        permissions = [("add_workertoken", "Can add token of workers")]
        indexes = [models.Index(fields=["created_at", "id"], name="token_by_age")]
        constraints = [
            models.UniqueConstraint(
                fields=["maker", "idempotency_key"],
                condition=models.Q(revoked_at=None) & ~models.Q(idempotency_key=""),
                name="token_by_idempotency_key",
            ),
            # The trail names a token by its name; one that is revoked may have a successor.
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(revoked_at=None), name="token_by_name_while_live"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TokenBinding(models.Model):
    """A camera, or a site with its cameras, that a bound token sees and touches; it has one or several.

    They are plain ids, not foreign keys: access knows nothing of cameras.
    """

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="bindings")
    camera_id = models.UUIDField(null=True)
    site_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(camera_id=None) ^ models.Q(site_id=None), name="tokenbinding_camera_or_site"
            ),
            models.UniqueConstraint(fields=["camera_id", "token"], name="tokenbinding_camera"),
            models.UniqueConstraint(fields=["site_id", "token"], name="tokenbinding_site"),
        ]

    def __str__(self) -> str:
        return f"camera {self.camera_id}" if self.camera_id else f"site {self.site_id}"


class Membership(models.Model):
    """A person's role at a site, or for the whole fleet. A person has one for each place, at most.

    The site is a plain id, as in TokenBinding; on Citus a local table.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        _("role"), max_length=16, choices=[(role.value, role.label) for role in ROLES_OF_PEOPLE]
    )
    # Where a site goes, its memberships are deleted: none may come to be one of the whole fleet.
    site_id = models.UUIDField(_("site"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("role")
        constraints = [
            models.UniqueConstraint(fields=["user", "site_id"], name="membership_at_a_site"),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(site_id=None), name="membership_of_the_whole_fleet"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} at site {self.site_id}" if self.site_id else f"{self.role} of the whole fleet"


class AuditEntry(models.Model):
    """One act that is no change of a camera's intent: a credential revealed, a token made, a site edited."""

    at = models.DateTimeField(_("at"), db_index=True)
    by = models.CharField(_("by"), max_length=200)
    via = models.CharField(_("via"), max_length=20)
    # Two may have one name: the id tells them apart.
    principal = models.CharField(_("principal"), max_length=64, blank=True, db_default="")
    address = models.CharField(_("address"), max_length=64, blank=True, db_default="")
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    client_request_id = models.CharField(
        _("request of the client"), max_length=64, blank=True, db_default="", help_text=_("As it was sent.")
    )
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind of object"), max_length=32)
    object_id = models.CharField(_("object id"), max_length=64)
    object_name = models.CharField(_("object"), max_length=200, blank=True)
    object_count = models.PositiveIntegerField(
        _("objects"), default=1, db_default=1, help_text=_("Of several the entry names the first.")
    )
    fields = models.JSONField(_("fields"), default=list, blank=True, help_text=_("Names only, never values."))
    before = models.JSONField(_("before"), null=True, blank=True, help_text=_("Roles of a person, in words."))
    after = models.JSONField(_("after"), null=True, blank=True, help_text=_("Roles of a person, in words."))

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["principal", "at"], name="auditentry_by_principal"),
            models.Index(fields=["address", "at"], name="auditentry_by_address"),
            models.Index(fields=["object_id", "at"], name="auditentry_by_object"),
        ]

    def __str__(self) -> str:
        more = f" and {self.object_count - 1} more" if self.object_count > 1 else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.by}: {self.action} {self.object_name or self.object_id}{more}"


class AuditObject(models.Model):
    """One of the several objects of an act; an entry of a single object has none.

    On Citus a local table, as the entries are.
    """

    entry = models.ForeignKey(AuditEntry, on_delete=models.CASCADE, related_name="all_objects")
    object_id = models.CharField(_("object id"), max_length=64, db_index=True)
    object_name = models.CharField(_("object"), max_length=200, blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.object_name or self.object_id


class AuditLink(models.Model):
    """The place of an entry in the chain of digests, in the order of commits. On Citus a local table.

    It stands beside the entry, which is written earlier in its transaction and never changed.
    """

    entry_id = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField(unique=True)
    digest = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.number}: entry {self.entry_id}"


class AuditHead(models.Model):
    """The one row that numbers links; it is locked last in a transaction."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_head_is_one_row")]

    def __str__(self) -> str:
        return f"link {self.number}"


class SignInFailures(models.Model):
    """How many attempts of a name from an address have failed lately. On Citus a local table."""

    name_digest = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    failures = models.PositiveIntegerField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["name_digest", "address"], name="sign_in_failures_by_name")]

    def __str__(self) -> str:
        return f"{self.failures} failures from {self.address}"


class FirstPassword(models.Model):
    """Stands while a person's password is one that somebody else has set, and which they have to change.

    On Citus a local table, as people are.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="first_password"
    )
    set_at = models.DateTimeField(_("set"))

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"first password of {self.user_id}"


class SingleSignOn(models.Model):
    """By which account at the provider of single sign-on a person comes in. On Citus a local table.

    A provider names accounts by subjects, which it never gives again; names and addresses it does.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="single_sign_on"
    )
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    connected_at = models.DateTimeField(_("connected"))

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["subject", "issuer"], name="single_sign_on_of_one_person")]

    def __str__(self) -> str:
        return f"single sign-on of {self.user_id}"


class Session(AbstractBaseSession):
    """A browser in which a person is signed in, or has been asked to. It stands under the digest of its key.

    On Citus a local table.
    """

    session_key = models.CharField(max_length=64, primary_key=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, verbose_name=_("person"), related_name="+"
    )
    created_at = models.DateTimeField(_("signed in"))
    last_used_at = models.DateTimeField(_("last used"), db_index=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("session")
        default_permissions = ()

    def __str__(self) -> str:
        return f"session of {self.user_id} since {self.created_at:%Y-%m-%d %H:%M}"


class Preferences(models.Model):
    """What a person has chosen for themselves; who never chose has no row."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="preferences"
    )
    time_zone = models.CharField(
        _("time zone"), max_length=64, default=OF_SITE, help_text=_("IANA name, `site` or `browser`.")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"
