"""Passwords, the login, and the language and time zone of pages."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

AUTHENTICATION_BACKENDS = ["controlplane.access.preferences.PeopleBackend"]
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
FORMAT_MODULE_PATH = ["controlplane.formats"]
