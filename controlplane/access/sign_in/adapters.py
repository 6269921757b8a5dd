"""How django-allauth behaves here: who may come in, where it leads, what it says, and how it keeps secrets."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from controlplane.access import second_factors, single_sign_on
from controlplane.access.identity_provider import provider as identity_provider
from controlplane.access.people import PeopleBackend
from controlplane.addresses import holder_at

# What the page that follows says by itself.
UNSAID = {
    "account/messages/logged_in.txt",
    "account/messages/logged_out.txt",
    "mfa/messages/recovery_codes_generated.txt",
}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("The username and the password do not fit."),
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your present password."),
        "invalid_password_reset": _("This link is no longer good."),
        "too_many_login_attempts": _("Too many attempts have failed. Try again in some minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Not the peer's, which behind a proxy all clients share."""
        return holder_at(request.source.address)  # type: ignore[attr-defined]

    def is_ajax(self, request: HttpRequest) -> bool:
        """No page has a second form of its answers."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` leads to this very service; allauth lets all of ALLOWED_HOSTS through."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def pre_login(self, request: HttpRequest, user: Any, **details: Any) -> HttpResponse | None:
        """Whoever may not come in is turned away here too: a passkey asks no backend."""
        if PeopleBackend().user_can_authenticate(user):
            return None
        clear_login(request)
        messages.error(request, gettext("This account may not sign in. Ask an administrator."))
        return HttpResponseRedirect(reverse("account_login"))

    def post_login(self, request: HttpRequest, user: Any, **details: Any) -> HttpResponse:
        if (details["signal_kwargs"] or {}).get(single_sign_on.SESSION_KEY):
            request.session[single_sign_on.SESSION_KEY] = True
        else:
            request.session.pop(single_sign_on.SESSION_KEY, None)
        return super().post_login(request, user, **details)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Who has neither a password nor a factor here signs in again at the provider."""
        methods = super().get_reauthentication_methods(user)
        if methods or not identity_provider.is_set_up():
            return methods
        return [{"id": "single_sign_on", "description": "", "url": reverse("single_sign_on")}]

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Not in the first minutes after signing in: that was no less than what would be asked again."""
        records = get_authentication_records(self.request, self.request.user)
        signed_in_at = records[-1]["at"] if records else 0.0
        return time.time() - signed_in_at >= app_settings.REAUTHENTICATION_TIMEOUT

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

    def set_password(self, user: Any, password: str) -> None:
        user.set_password(password)
        user.save(update_fields=["password"])

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **details: Any
    ) -> None:
        if message_template not in UNSAID:
            super().add_message(request, level, message_template, *args, **details)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This did not work. A code is good once, and for about a minute."),
    }

    def encrypt(self, text: str) -> str:
        return second_factors.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return second_factors.unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        """What the app on the phone shows above the code."""
        return f"{settings.UNFOLD['SITE_TITLE']} {self._host()}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": self._host(), "name": str(settings.UNFOLD["SITE_TITLE"])}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        return gettext("Passkey %(number)d") % {"number": second_factors.kinds_of(user)[type] + 1}

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def _host(self) -> str:
        return split_domain_port(context.request.get_host())[0]
