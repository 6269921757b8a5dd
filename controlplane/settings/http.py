"""What is sent and taken by HTTP: TLS, cookies, bodies, error pages, static files."""

from controlplane.observability import ExceptionPageFilter, RedactedExceptionPage
from controlplane.settings.environment import BASE_DIR, BEHIND_TLS, HASHED_STATIC_FILES

# TLS ends at a proxy in front; `controlplane.transport` knows how a request came. Without it plain HTTP works, and
# the cookies stay usable.
SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_REDIRECT_EXEMPT = [
    r"^livez/?$",
    r"^readyz/?$",
    r"^metrics(/cameras)?/?$",
]  # who watches asks a process directly
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_HSTS_PRELOAD = BEHIND_TLS
SESSION_ENGINE = "controlplane.access.session_store"
SESSION_COOKIE_SECURE = BEHIND_TLS
CSRF_COOKIE_SECURE = BEHIND_TLS
# Under the prefix a browser takes them from this very host over TLS only, and from no other application beside it.
SESSION_COOKIE_NAME = "__Host-sessionid" if BEHIND_TLS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if BEHIND_TLS else "csrftoken"
CSRF_FAILURE_VIEW = "controlplane.problems.csrf_failure"
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# For pages of CORS_ALLOWED_ORIGINS, in Django and in `cross_origin`. Never with cookies: the page sends a token.
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/(?!admin(/|$)|static/)"
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CORS_ALLOW_HEADERS = (
    "accept", "authorization", "cache-control", "content-encoding", "content-type", "idempotency-key", "if-match",
    "if-none-match", "last-event-id",
)  # fmt: skip
CORS_EXPOSE_HEADERS = ("X-Cursor", "ETag", "Link", "Location", "Retry-After")
CORS_PREFLIGHT_MAX_AGE = 7_200  # seconds; browsers remember it no longer

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
