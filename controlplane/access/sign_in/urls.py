"""Below /admin/account/: what is offered of django-allauth, under the names by which it looks for its addresses.

All of its other addresses (signing up, confirming addresses, codes by e-mail) are left out, and so are 404.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path

from controlplane.access.sign_in import factor_pages as factors
from controlplane.access.sign_in import password_pages as passwords
from controlplane.access.sign_in import sign_in_pages as pages
from controlplane.access.sign_in import single_sign_on_pages as single_sign_on
from controlplane.compression import kept_plain


def nothing_here(request: HttpRequest) -> NoReturn:
    raise Http404


def _at(address: str, page: Any, name: str, kind: Callable[..., URLPattern] = path) -> URLPattern:
    """A page that may hold secrets, or be about them: nobody on its way keeps or compresses it."""
    view = page.as_view()

    @wraps(view)
    def plain(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return kept_plain(view(request, *args, **kwargs))

    return kind(address, plain, name=name)


urlpatterns = [
    _at("login/", pages.SignIn, "account_login"),
    _at("login/passkey/", pages.SignInByPasskey, "mfa_login_webauthn"),
    _at("login/second-factor/", pages.SecondFactor, "mfa_authenticate"),
    _at("single-sign-on/", single_sign_on.Begin, "single_sign_on"),
    _at("single-sign-on/callback/", single_sign_on.Callback, "single_sign_on_callback"),
    _at("single-sign-on/connect/", single_sign_on.Connect, "single_sign_on_connect"),
    _at("single-sign-on/disconnect/", single_sign_on.Disconnect, "single_sign_on_disconnect"),
    _at("again/", pages.PasswordAgain, "account_reauthenticate"),
    _at("again/code/", pages.CodeAgain, "mfa_reauthenticate"),
    _at("again/passkey/", pages.PasskeyAgain, "mfa_reauthenticate_webauthn"),
    _at("password/", passwords.ChangePassword, "account_change_password"),
    _at("password/reset/", passwords.AskForReset, "account_reset_password"),
    _at(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        passwords.ResetPassword,
        "account_reset_password_from_key",
        kind=re_path,
    ),
    _at("", factors.Overview, "mfa_index"),
    _at("app/add/", factors.AddApp, "mfa_activate_totp"),
    _at("app/remove/", factors.RemoveApp, "mfa_deactivate_totp"),
    _at("passkeys/add/", factors.AddPasskey, "mfa_add_webauthn"),
    _at("passkeys/<int:pk>/remove/", factors.RemovePasskey, "mfa_remove_webauthn"),
    _at("recovery-codes/", factors.RecoveryCodes, "mfa_view_recovery_codes"),
    _at("recovery-codes/make/", factors.MakeRecoveryCodes, "mfa_generate_recovery_codes"),
    # Not the admin's own answer, which would send whoever is not signed in to the login.
    re_path(r"^.+/$", nothing_here),
]
