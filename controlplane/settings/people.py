"""Passwords, the sign-in by django-allauth, and the language and time zone of pages."""

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from controlplane.settings.environment import PASSWORD_MIN_LENGTH

AUTHENTICATION_BACKENDS = ["controlplane.access.people.PeopleBackend"]
PASSWORD_HASHERS = [
    "controlplane.access.passwords.PatientHasher",
    # Passwords that were stored in these forms are taken, and stored anew at the next sign-in.
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": PASSWORD_MIN_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "controlplane.access.password_rule.HardToGuess"},
]
PASSWORD_RESET_TIMEOUT = 3_600  # seconds
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# Which addresses of allauth exist is said by `controlplane.access.sign_in.urls`, and here how they behave.
ACCOUNT_ADAPTER = "controlplane.access.sign_in.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "controlplane.access.sign_in.forms.SignInForm",
    "reauthenticate": "controlplane.access.sign_in.forms.PasswordAgainForm",
    "change_password": "controlplane.access.sign_in.forms.ChangePasswordForm",
    "reset_password": "controlplane.access.sign_in.forms.AskForResetForm",
    "reset_password_from_key": "controlplane.access.sign_in.forms.ResetPasswordForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # seconds
ACCOUNT_SESSION_REMEMBER = True  # the form does not ask; how long a session lasts is the session's own setting
# Counted in the memory of a process. Failures are counted in the database, by `access.throttle`; what an attempt
# costs is bounded by `admission`.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "change_password": None,
    "reauthenticate": None,
    "reset_password_from_key": None,
    "login_failed": None,
    "reset_password": "20/1m/ip,3/1h/key",
}
MFA_ADAPTER = "controlplane.access.sign_in.adapters.FactorAdapter"
MFA_FORMS = {
    "authenticate": "controlplane.access.sign_in.forms.CodeForm",
    "reauthenticate": "controlplane.access.sign_in.forms.CodeAgainForm",
    "activate_totp": "controlplane.access.sign_in.forms.AddAppForm",
    "add_webauthn": "controlplane.access.sign_in.forms.AddPasskeyForm",
    "authenticate_webauthn": "controlplane.access.sign_in.forms.PasskeyForm",
    "login_webauthn": "controlplane.access.sign_in.forms.SignInByPasskeyForm",
    "reauthenticate_webauthn": "controlplane.access.sign_in.forms.PasskeyAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an administrator makes people, and their address is no login
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # a code before and one after count too: clocks differ
MFA_RATE_LIMITS = {"webauthn_login": None}

LANGUAGE_CODE = "en"
# Those that our own texts are translated into: with more, a page would be half in the language of its packages.
LANGUAGES = [("en", _("English"))]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["controlplane.formats"]
