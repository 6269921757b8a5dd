"""Coming in: the password, the second factor, a passkey in the place of both; and giving them again."""

from typing import Any

from allauth.account.views import LoginView, ReauthenticateView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeAgainView
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _

from controlplane.access import second_factors
from controlplane.access.sign_in import trail
from controlplane.access.sign_in.frame import Guarded


class SignIn(Guarded, LoginView):
    title = _("Sign in")
    template_name = "account/sign_in.html"

    def name_asked_for(self) -> str:
        return self.request.POST.get("login", "").strip()


class SignInByPasskey(Guarded, LoginWebAuthnView):
    """A passkey that has asked who holds it is both factors. GET answers what the browser asks the passkey."""

    def name_asked_for(self) -> str:
        return ""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return JsonResponse(webauthn.begin_authentication(user=None))


class _TakesCode(Guarded):
    """The use of a recovery code is written into the audit trail."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        factor = getattr(form, "authenticator", None)
        if factor is not None and factor.type == second_factors.CODES:
            trail.record(self.request, factor.user, "recovery_code_used")
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        return answer


class SecondFactor(_TakesCode, AuthenticateView):
    title = _("Second factor")
    template_name = "account/second_factor.html"

    def name_asked_for(self) -> str:
        return str(self.stage.login.user.get_username())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kinds = second_factors.kinds_of(self.stage.login.user)
        return super().get_context_data(**kwargs) | {"kinds": kinds}


class PasswordAgain(Guarded, ReauthenticateView):
    title = _("Is it you?")
    template_name = "account/again.html"


class CodeAgain(_TakesCode, CodeAgainView):
    title = _("Is it you?")
    template_name = "account/again.html"


class PasskeyAgain(Guarded, ReauthenticateWebAuthnView):
    title = _("Is it you?")
    template_name = "account/again.html"
