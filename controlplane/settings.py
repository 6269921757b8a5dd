"""Every setting of the service, read from the environment (and from `.env`, which never overrides it).

All faults of the environment are told at once, by the name of the variable and never with its value.
Outside DEBUG a missing, short or default key refuses to start. `.env.example` lists every variable.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import dj_database_url
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from environs import Env, EnvValidationError, ValidationError

from controlplane.observability import ExceptionPageFilter, RedactedExceptionPage, logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG_ONLY_SECRET_KEY = "debug-only-secret-key-that-refuses-to-start-outside-debug"  # noqa: S105
DEBUG_ONLY_FIELD_KEY = "ZGVidWctb25seS1maWVsZC1rZXktbm90LXNlY3JldCE="

# --- The environment -------------------------------------------------------------------------------

env = Env(eager=False)
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
    scheme = value.partition(":")[0]
    if scheme not in ("postgres", "postgresql", "sqlite"):
        raise ValidationError("must start with postgresql:// or sqlite:///")
    try:
        dj_database_url.parse(value)
    except ValueError:
        raise ValidationError(
            "is no URL; in a password all but letters and digits is written as %XX, and a port is at most 65535"
        ) from None


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
TELEMETRY_RETENTION_DAYS = env.int("TELEMETRY_RETENTION_DAYS", 30, validate=_within(1, 36_500))
TELEMETRY_MINUTE_RETENTION_DAYS = env.int("TELEMETRY_MINUTE_RETENTION_DAYS", 180, validate=_within(1, 36_500))
TELEMETRY_HOUR_RETENTION_DAYS = env.int("TELEMETRY_HOUR_RETENTION_DAYS", 1_825, validate=_within(1, 36_500))
TELEMETRY_MAX_BYTES = env.int("TELEMETRY_MAX_BYTES", 50_000_000_000, validate=_bytes)
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [], validate=_networks)
CONNECTIONS_PER_ADDRESS = env.int("CONNECTIONS_PER_ADDRESS", 1_000, validate=_within(1, 1_000_000))
WATCHES_PER_PRINCIPAL = env.int("WATCHES_PER_PRINCIPAL", 100, validate=_within(1, 1_000_000))
REQUESTS_PER_PRINCIPAL = env.int("REQUESTS_PER_PRINCIPAL", 8, validate=_within(1, 1_000))
LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=_log_level)
BEHIND_TLS = env.bool("BEHIND_TLS", False)
HASHED_STATIC_FILES = env.bool("HASHED_STATIC_FILES", False)
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", False)
ALERT_FLAP_CHANGES = env.int("ALERT_FLAP_CHANGES", 6, validate=_within(1, 1_000))
ALERT_FLAP_WINDOW_SECONDS = env.int("ALERT_FLAP_WINDOW_SECONDS", 1_800, validate=_within(1, 86_400))
ALERT_CAPACITY_HOLD_SECONDS = env.int("ALERT_CAPACITY_HOLD_SECONDS", 60, validate=_within(0, 86_400))
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

# --- Applications ----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before django.contrib.admin: its templates win
    "unfold.contrib.filters",
    "controlplane.access.apps.ControlPlaneAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "controlplane.access.apps.AccessConfig",
    "cameras",
    "telemetry",
    "telemetry.alerts",
]

MIDDLEWARE = [
    "controlplane.middleware.RequestIdentity",
    "controlplane.middleware.SecurityHeaders",
    "controlplane.middleware.OptionalTrailingSlash",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "controlplane.middleware.SessionOwners",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
WSGI_APPLICATION = "controlplane.wsgi.application"
ASGI_APPLICATION = "controlplane.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database --------------------------------------------------------------------------------------

DATABASES = {"default": dj_database_url.parse(DATABASE_URL)}
_database = DATABASES["default"]
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["ENGINE"] = "controlplane.databases.sqlite3"
    # IMMEDIATE: two writers queue for the lock instead of failing when a reader wants to write.
    # synchronous=FULL: what was acknowledged is on disk, also in WAL mode.
    _options.update(
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    )
else:
    _database["ENGINE"] = "controlplane.databases.postgresql"
    _options.setdefault("connect_timeout", 2)
    _options.setdefault("options", "-c lock_timeout=2s -c idle_in_transaction_session_timeout=30s")
    if DATABASE_POOL_SIZE:
        # Django under ASGI has a thread a request, so only a pool can keep connections; its waits are
        # short because a caller is better served by an early 503 than by a late answer, and one may wait twice:
        # for the look-up of tokens that is under way, and for the next one.
        _options["pool"] = {"min_size": 0, "max_size": DATABASE_POOL_SIZE, "timeout": 1, "reconnect_timeout": 5}
        _database["CONN_HEALTH_CHECKS"] = True

# --- API -------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # The token comes first: DRF takes the 401 and its WWW-Authenticate from the first class.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "controlplane.access.authentication.TokenAuthentication",
        "controlplane.access.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.access.permissions.MayPerformAction"],
    "DEFAULT_PARSER_CLASSES": ["controlplane.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "controlplane.strict_json.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "controlplane.schema.ProblemAutoSchema",
    "EXCEPTION_HANDLER": "controlplane.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Control plane",
    "DESCRIPTION": "Registry, desired state, change feed and telemetry of a fleet of analysed IP cameras.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["controlplane.access.permissions.MayReadDocs"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": True,
    "ENUM_NAME_OVERRIDES": {
        "DesiredState": "cameras.models.DesiredState",
        "CameraStatus": "cameras.status.STATUS_CHOICES",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
}

# --- People ----------------------------------------------------------------------------------------

PASSWORD_HASHERS = [
    "controlplane.access.passwords.PatientHasher",
    # Passwords that were stored in these forms are taken, and stored anew at the next sign-in.
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

LANGUAGE_CODE = "en"
# Those that our own texts are translated into: with more, a page would be half in the language of its packages.
LANGUAGES = [("en", _("English"))]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- E-mail ----------------------------------------------------------------------------------------

# Only alerts are mailed, by `maintain` and by the button that tests a subscription.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM

# --- HTTP ------------------------------------------------------------------------------------------

# TLS ends at a proxy in front. Without it plain HTTP works, and the cookies stay usable.
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [r"^livez/?$", r"^readyz/?$", r"^metrics/?$"]  # who watches asks a process directly
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
CSRF_FAILURE_VIEW = "controlplane.problems.csrf_failure"
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# Under ASGI `admission` refuses larger bodies. An upload stays in memory: on disk its passwords would be in clear.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DEFAULT_EXCEPTION_REPORTER = f"{RedactedExceptionPage.__module__}.{RedactedExceptionPage.__qualname__}"
DEFAULT_EXCEPTION_REPORTER_FILTER = f"{ExceptionPageFilter.__module__}.{ExceptionPageFilter.__qualname__}"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
# Hashed and compressed where `collectstatic` has run (the image does so); else served from the packages.
STORAGES = {
    "staticfiles": {
        "BACKEND": (
            "servestatic.storage.CompressedManifestStaticFilesStorage"
            if HASHED_STATIC_FILES
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# --- Logs ------------------------------------------------------------------------------------------

LOGGING_CONFIG = None  # configured below, once, also for code that logs while Django starts
logging_config(level=LOG_LEVEL.upper())

# --- Admin -----------------------------------------------------------------------------------------


def _shown_to(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _list_of(title: object, icon: str, model: str) -> dict[str, object]:
    app_label, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{name}_changelist"),
        "permission": _shown_to(f"{app_label}.view_{name}"),
    }


UNFOLD = {
    "SITE_TITLE": "Control plane",
    "SITE_HEADER": "Control plane",
    "SITE_SUBHEADER": "Cameras, desired state, telemetry",
    "SITE_SYMBOL": "videocam",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("controlplane/favicon.svg"),
        }
    ],
    "STYLES": [lambda request: static("controlplane/admin.css")],
    "SCRIPTS": [lambda request: static("controlplane/names.js")],
    "DASHBOARD_CALLBACK": "cameras.admin.dashboard.fleet_at_a_glance",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Fleet"),
                "items": [
                    {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _list_of(_("Cameras"), "videocam", "cameras.camera"),
                    _list_of(_("Sites"), "location_on", "cameras.site"),
                    _list_of(_("Changes"), "history", "cameras.change"),
                ],
            },
            {
                "title": _("Alerts"),
                "separator": True,
                "items": [
                    _list_of(_("Subscriptions"), "notifications", "alerts.subscription"),
                    _list_of(_("Deliveries"), "outbox", "alerts.delivery"),
                ],
            },
            {
                "title": _("Access"),
                "separator": True,
                "items": [
                    _list_of(_("Tokens"), "key", "access.apitoken"),
                    _list_of(_("Users"), "person", "auth.user"),
                    _list_of(_("Groups"), "group", "auth.group"),
                    _list_of(_("Audit trail"), "policy", "access.auditentry"),
                ],
            },
            {
                "title": _("Documentation"),
                "separator": True,
                "items": [{"title": _("API"), "icon": "api", "link": reverse_lazy("docs")}],
            },
        ],
    },
}
