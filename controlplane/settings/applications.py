"""What the service is made of: applications, middleware, templates."""

from controlplane.settings.environment import BASE_DIR, CORS_ALLOWED_ORIGINS

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before django.contrib.admin: its templates win
    "unfold.contrib.filters",
    "controlplane.access.apps.AccessConfig",  # before django.contrib.auth: its commands win
    "controlplane.access.apps.ControlPlaneAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "cameras",
    "cameras.windows",
    "telemetry",
    "telemetry.alerts",
]

MIDDLEWARE = [
    "controlplane.compression.Compression",
    "controlplane.access.requests.RequestIdentity",
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "controlplane.middleware.SecurityHeaders",
    "controlplane.middleware.OptionalTrailingSlash",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "controlplane.access.sessions.SessionUse",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "controlplane.access.preferences.OwnTimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "controlplane.access.steps.StepsFirst",
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
