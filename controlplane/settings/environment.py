"""Every variable of the environment (and of `.env`, which never overrides it), with the rule for its value.

All faults are named at once, by the variable and never with its value. With a missing, short or default
key the service refuses to start, unless in DEBUG. `.env.example` lists every variable.
"""

import json
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from environs import EnvValidationError, FileAwareEnv, ValidationError

from controlplane.databases import url

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DEBUG_ONLY_SECRET_KEY = "debug-only-secret-key-that-refuses-to-start-outside-debug"  # noqa: S105
DEBUG_ONLY_FIELD_KEY = "ZGVidWctb25seS1maWVsZC1rZXktbm90LXNlY3JldCE="

_ORIGIN = re.compile(r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_ISSUER = re.compile(
    r"(https://([a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])|http://(localhost|127\.0\.0\.1|\[::1\]))(:[1-9][0-9]{0,4})?(/[^\s?#]*)?"
)
_ROLES_OF_PEOPLE = ("viewer", "operator", "administrator")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

# NAME_FILE names a file that holds the value of NAME, as container platforms hand out secrets.
env = FileAwareEnv(eager=False, strip_whitespace=True)
env.read_env(str(BASE_DIR / ".env"), recurse=False)

DEBUG = bool(env.bool("DEBUG", False))


def _strong_secret(value: str) -> None:
    if DEBUG:
        return
    if not value:
        raise ValidationError("is required outside DEBUG; make one with `openssl rand -base64 48`")
    if len(value) < 50 or len(set(value)) < 12 or value.startswith(("django-insecure", "debug-only")):
        raise ValidationError(
            "is too short or a default value: 50 characters or more, e.g. `openssl rand -base64 48`"
        )


def _fernet_keys(values: list[str]) -> None:
    if not values and not DEBUG:
        raise ValidationError(
            "is required outside DEBUG: one or more Fernet keys separated by commas, the first encrypts; "
            "make one with `openssl rand -base64 32 | tr '+/' '-_'`"
        )
    for number, value in enumerate(values, start=1):
        if value == DEBUG_ONLY_FIELD_KEY and not DEBUG:
            raise ValidationError(f"key {number} is the default of DEBUG; make a key of your own")
        try:
            Fernet(value)
        except ValueError:
            raise ValidationError(f"key {number} is not a Fernet key (32 bytes in URL-safe base64)") from None


def _database_url(value: str) -> None:
    try:
        url.read(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _origins(values: list[str]) -> None:
    for number, value in enumerate(values, start=1):
        if not _ORIGIN.fullmatch(value) or value.endswith(_DEFAULT_PORTS[value.partition(":")[0]]):
            raise ValidationError(
                f"entry {number} is no origin such as https://ui.example.com or http://10.0.0.5:8080: "
                "in lower case, without a path or a default port; * is not taken"
            )


def _public_url(value: str) -> None:
    if value and not _ORIGIN.fullmatch(value):
        raise ValidationError("is no origin such as https://cameras.example.com: in lower case, without a path")


def _log_level(value: str) -> None:
    if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValidationError("must be DEBUG, INFO, WARNING or ERROR")


def _networks(values: list[str]) -> None:
    for number, value in enumerate(values, start=1):
        try:
            ip_network(value, strict=False)
        except ValueError:
            raise ValidationError(f"entry {number} is no address and no network such as 10.0.0.0/8") from None


def _within(least: int, most: int) -> Callable[[int], None]:
    def check(value: int) -> None:
        if not least <= value <= most:
            raise ValidationError(f"must be from {least:,} to {most:,}")

    return check


def _require_mfa(value: str) -> None:
    if value not in ("administrators", "everybody", "nobody"):
        raise ValidationError("must be administrators, everybody or nobody")


def _json(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return None


def _roles_by_name(text: str) -> None:
    value = _json(text)
    lists = value.values() if isinstance(value, dict) else [None]
    if not all(isinstance(roles, list) and all(isinstance(role, str) for role in roles) for roles in lists):
        raise ValidationError('must be a JSON object of arrays, such as {"group Night shift": ["operator"]}')


def _issuer(value: str) -> None:
    if value and not _ISSUER.fullmatch(value):
        raise ValidationError(
            "must be an https address without a query, such as https://login.example.com/realms/cameras; "
            "plain http is taken for loopback only"
        )


def _role_map(text: str) -> None:
    value = _json(text)
    if not isinstance(value, dict):
        raise ValidationError(
            'must be a JSON object such as {"cctv-admins": ["administrator"], "north-ops": ["operator@North"]}'
        )
    for claimed, roles in value.items():
        if not isinstance(roles, list) or not roles:
            raise ValidationError(f'entry "{claimed}" must be an array of roles, such as ["operator@North"]')
        for number, role in enumerate(roles, start=1):
            name, at, site = role.partition("@") if isinstance(role, str) else ("", "", "")
            if name not in _ROLES_OF_PEOPLE or (at and not site.strip()):
                raise ValidationError(
                    f'entry "{claimed}", role {number}: must be one of {", ".join(_ROLES_OF_PEOPLE)}; '
                    "for the whole fleet, or with @ and a site, such as operator@North"
                )


def _email_security(value: str) -> None:
    if value not in ("starttls", "tls", "none"):
        raise ValidationError("must be starttls, tls or none")


def _bytes(value: int) -> None:
    if value != 0 and value < 100_000_000:
        raise ValidationError("must be 100000000 or more; 0 is no bound")


SECRET_KEY = env.str("SECRET_KEY", "", validate=_strong_secret) or DEBUG_ONLY_SECRET_KEY
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", [], validate=_fernet_keys) or [DEBUG_ONLY_FIELD_KEY]
DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}", validate=_database_url)
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", 20, validate=_within(0, 1_000))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [], validate=_origins)
TELEMETRY_RETENTION_DAYS = env.int("TELEMETRY_RETENTION_DAYS", 30, validate=_within(1, 36_500))
TELEMETRY_MINUTE_RETENTION_DAYS = env.int("TELEMETRY_MINUTE_RETENTION_DAYS", 180, validate=_within(1, 36_500))
TELEMETRY_HOUR_RETENTION_DAYS = env.int("TELEMETRY_HOUR_RETENTION_DAYS", 1_825, validate=_within(1, 36_500))
DELETED_CAMERA_DAYS = env.int("DELETED_CAMERA_DAYS", 30, validate=_within(0, 36_500))
TELEMETRY_MAX_BYTES = env.int("TELEMETRY_MAX_BYTES", 50_000_000_000, validate=_bytes)
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], validate=_networks)
CONNECTIONS_PER_ADDRESS = env.int("CONNECTIONS_PER_ADDRESS", 1_000, validate=_within(1, 1_000_000))
WATCHES_PER_PRINCIPAL = env.int("WATCHES_PER_PRINCIPAL", 100, validate=_within(1, 1_000_000))
REQUESTS_PER_PRINCIPAL = env.int("REQUESTS_PER_PRINCIPAL", 8, validate=_within(1, 1_000))
REQUIRE_MFA = env.str("REQUIRE_MFA", "administrators", validate=_require_mfa)
PASSWORD_MIN_LENGTH = env.int("PASSWORD_MIN_LENGTH", 15, validate=_within(8, 64))
# Read once, by the migration that turns groups into roles.
MEMBERSHIPS_OF: dict[str, list[str]] = _json(env.str("MEMBERSHIPS_OF", "", validate=_roles_by_name))
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", 43_200, validate=_within(60, 31_536_000))
SESSION_COOKIE_AGE = env.int("SESSION_AGE_SECONDS", 604_800, validate=_within(60, 31_536_000))
OIDC_ISSUER = env.str("OIDC_ISSUER", "", validate=_issuer)
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", "")
OIDC_ROLES_CLAIM = env.str("OIDC_ROLES_CLAIM", "groups")
OIDC_ROLE_MAP: dict[str, list[str]] = _json(env.str("OIDC_ROLE_MAP", "", validate=_role_map))
OIDC_BACKDATED_SECONDS = env.int("OIDC_BACKDATED_SECONDS", 0, validate=_within(0, 3_600))
METRICS_CAMERAS = env.bool("METRICS_CAMERAS", False)
LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=_log_level)
BEHIND_TLS = env.bool("BEHIND_TLS", False)
HASHED_STATIC_FILES = env.bool("HASHED_STATIC_FILES", False)
WEBHOOK_ALLOWED_NETWORKS: list[str] = env.list("WEBHOOK_ALLOWED_NETWORKS", [], validate=_networks)
ALERT_SITE_SHARE = env.int("ALERT_SITE_SHARE", 50, validate=_within(1, 99))
ALERT_FLAP_CHANGES = env.int("ALERT_FLAP_CHANGES", 6, validate=_within(1, 1_000))
ALERT_FLAP_WINDOW_SECONDS = env.int("ALERT_FLAP_WINDOW_SECONDS", 1_800, validate=_within(1, 86_400))
ALERT_CAPACITY_HOLD_SECONDS = env.int("ALERT_CAPACITY_HOLD_SECONDS", 60, validate=_within(0, 86_400))
PUBLIC_URL = env.str("PUBLIC_URL", "", validate=_public_url)
EMAIL_HOST = env.str("EMAIL_HOST", "")
EMAIL_PORT = env.int("EMAIL_PORT", 587, validate=_within(1, 65_535))
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_SECURITY = env.str("EMAIL_SECURITY", "starttls", validate=_email_security)
EMAIL_FROM = env.str("EMAIL_FROM", "controlplane@localhost")

try:
    env.seal()
except EnvValidationError as error:
    faults = "\n".join(
        f"  {name}: {'; '.join(map(str, reasons))}"
        for name, reasons in sorted(cast(Mapping[str, list[str]], error.error_messages).items())
    )
    raise ImproperlyConfigured(f"The environment is not fit to start with:\n{faults}") from None

if not TELEMETRY_RETENTION_DAYS <= TELEMETRY_MINUTE_RETENTION_DAYS <= TELEMETRY_HOUR_RETENTION_DAYS:
    raise ImproperlyConfigured(
        "The environment is not fit to start with:\n  TELEMETRY_RETENTION_DAYS must not be longer than"
        " TELEMETRY_MINUTE_RETENTION_DAYS, nor that longer than TELEMETRY_HOUR_RETENTION_DAYS"
    )

_missing = [
    name
    for name in ("OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES_CLAIM", "OIDC_ROLE_MAP")
    if OIDC_ISSUER and not globals()[name]
]
if _missing:
    raise ImproperlyConfigured(
        f"The environment is not fit to start with:\n  {', '.join(_missing)}: required with OIDC_ISSUER"
    )
