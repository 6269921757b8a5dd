"""The forms of signing in, in the looks of the admin, and with codes that work once."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account import forms as account_forms
from allauth.account.internal import flows
from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as factor_forms
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.webauthn import forms as passkey_forms
from django import forms
from django.core.validators import MaxLengthValidator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

from controlplane.access import second_factors
from controlplane.access.sign_in import reset_mail

MOST_OF_A_NAME = 60


class Looks(forms.Form):
    """Fields as they look in the admin: a label above, nothing inside; the first has the focus."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        shown = [field for field in self.fields.values() if not field.widget.is_hidden]
        for field in shown:
            field.widget.attrs.pop("placeholder", None)
            field.widget.attrs["class"] = " ".join(INPUT_CLASSES)
            field.help_text = ""
        if shown:
            shown[0].widget.attrs["autofocus"] = True


class SignInForm(Looks, account_forms.LoginForm):
    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        """Not allauth's, which gives each session an end of its own."""
        self._login.redirect_url = redirect_url
        return flows.login.perform_password_login(request, self.user_credentials(), self._login)


class PasswordAgainForm(Looks, account_forms.ReauthenticateForm):
    pass


class _NewPasswordTwice(Looks):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password, once more")
        self.fields["password1"].help_text = _("Long, and hard to guess: some words that have nothing in common.")


class ChangePasswordForm(_NewPasswordTwice, account_forms.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Present password")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if cleaned.get("oldpassword") and cleaned.get("oldpassword") == cleaned.get("password1"):
            self.add_error("password1", _("This is the present one: take another."))
        return cleaned


class AskForResetForm(Looks, account_forms.ResetPasswordForm):
    def clean_email(self) -> str:
        """Nobody is looked for here, see `reset_mail`."""
        return str(self.cleaned_data["email"])

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        reset_mail.send_later(self.cleaned_data["email"], request.build_absolute_uri("/"))
        return str(self.cleaned_data["email"])


class ResetPasswordForm(_NewPasswordTwice, account_forms.ResetPasswordKeyForm):
    pass


class _Code(Looks):
    """The code of an authenticator app or a recovery code. Either works once, in all processes of the service."""

    authenticator: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["spellcheck"] = "false"

    def clean_code(self) -> str:
        code = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == second_factors.APP:
            secret = second_factors.unseal(self.authenticator.data["secret"])
            if not second_factors.use_once(self.authenticator, _counter_of(secret, code)):
                raise get_adapter().validation_error("incorrect_code")
        return str(code)


class CodeForm(_Code, factor_forms.AuthenticateForm):
    pass


class CodeAgainForm(_Code, factor_forms.ReauthenticateForm):
    pass


class AddAppForm(Looks, ActivateTOTPForm):
    """The first code of an app. Until it was right, the app's secret stands in the session, sealed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        sealed = session.get(totp.SECRET_SESSION_KEY)
        super().__init__(*args, **kwargs)
        self.fields["code"].label = _("Code that the app shows")
        if self.is_bound and sealed:
            self.secret = second_factors.unseal(sealed)
        # In the place of what allauth has put there; it is stored after the answer was made.
        session[totp.SECRET_SESSION_KEY] = second_factors.seal(self.secret)

    @property
    def counter(self) -> int:
        """The moment that the code is of."""
        return _counter_of(self.secret, self.cleaned_data["code"])


class _Credential(Looks):
    """What a browser says of a passkey."""

    def clean_credential(self) -> Any:
        with _no_passkey_is_a_fault():
            cleaned = getattr(super(), "clean_credential", lambda: self.cleaned_data["credential"])
            return cleaned()

    def clean(self) -> dict[str, Any] | None:
        with _no_passkey_is_a_fault():
            return super().clean()


@contextmanager
def _no_passkey_is_a_fault() -> Iterator[None]:
    """Raises ValidationError for whatever cannot be read as a passkey: allauth lets some of it end as a 500."""
    try:
        yield
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError, struct.error):
        raise get_adapter().validation_error("incorrect_code") from None


class PasskeyForm(_Credential, passkey_forms.AuthenticateWebAuthnForm):
    pass


class PasskeyAgainForm(_Credential, passkey_forms.ReauthenticateWebAuthnForm):
    pass


class SignInByPasskeyForm(_Credential, passkey_forms.LoginWebAuthnForm):
    pass


class AddPasskeyForm(_Credential, passkey_forms.AddWebAuthnForm):
    passwordless = None  # every passkey may sign in by itself, where it has asked who holds it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.label = _("Name")
        name.help_text = _("By which you tell it from others: the device that it is on.")
        name.validators.append(MaxLengthValidator(MOST_OF_A_NAME))


def _counter_of(secret: str, code: str) -> int:
    """The moment that a code is of, counted in periods since 1970; -1 where it has just ended."""
    for counter in totp.yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=totp.format_hotp_value(totp.hotp_value(secret, counter))):
            return counter
    return -1
