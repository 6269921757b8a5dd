"""A person's own second factors: which there are, adding and removing them, recovery codes."""

from typing import Any, cast

from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.access import second_factors, single_sign_on
from controlplane.access.second_factors import APP, CODES, PASSKEY
from controlplane.access.session_store import SessionStore
from controlplane.access.sessions import end_sessions_of, key_of_row
from controlplane.access.sign_in import trail
from controlplane.access.sign_in.frame import Page


class Overview(Page, IndexView):
    title = _("Sign-in and security")
    template_name = "account/overview.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        factors = context["authenticators"]
        codes = factors.get(CODES)
        return context | {
            "app": factors.get(APP),
            "passkeys": factors.get(PASSKEY, []),
            "account": single_sign_on.account_of(self.request.user) if context["provider"] else None,
            "codes_left": len(codes.get_unused_codes()) if codes else None,
        }


class _Adding(Page):
    """A factor is added, and with the first one recovery codes are made.

    The first one ends the person's other sessions: they were opened by the password alone.
    """

    kind: str
    did_generate_recovery_codes: bool

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        person = self.request.user
        is_first = not second_factors.has_one(person)
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        trail.record(self.request, person, "factor_added", [self.kind])
        if self.did_generate_recovery_codes:
            trail.record(self.request, person, "recovery_codes_made")
        if is_first:
            by, now = trail.author_of(self.request, person), timezone.now()
            end_sessions_of(person, by=by, now=now, but=key_of_row(cast("SessionStore", self.request.session)))
        return answer


class AddApp(_Adding, ActivateTOTPView):
    title = _("Add an authenticator app")
    template_name = "account/add_app.html"
    kind = APP

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        second_factors.use_once(Authenticator.objects.get(user=self.request.user, type=APP), form.counter)
        return answer


class AddPasskey(_Adding, AddWebAuthnView):
    title = _("Add a passkey")
    template_name = "account/add_passkey.html"
    kind = PASSKEY

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        # Found by the browser without a name being typed first, where the device can keep it so.
        options = context["js_data"]["creation_options"]["publicKey"]
        context["options"] = options | {
            "authenticatorSelection": {**options["authenticatorSelection"], "residentKey": "preferred"}
        }
        return context


class _Removing(Page):
    kind: str

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        trail.record(self.request, self.request.user, "factor_removed", [self.kind])
        return answer


class RemoveApp(_Removing, DeactivateTOTPView):
    title = _("Remove the authenticator app")
    template_name = "account/remove.html"
    kind = APP


class RemovePasskey(_Removing, RemoveWebAuthnView):
    title = _("Remove a passkey")
    template_name = "account/remove.html"
    success_url = reverse_lazy("mfa_index")
    context_object_name = "passkey"
    kind = PASSKEY

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        del context["object"]  # unfold takes it for a row that has a list in the admin
        return context


class RecoveryCodes(Page, ViewRecoveryCodesView):
    title = _("Recovery codes")
    template_name = "account/recovery_codes.html"


class MakeRecoveryCodes(Page, GenerateRecoveryCodesView):
    title = _("Make new recovery codes")
    template_name = "account/make_recovery_codes.html"

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        trail.record(self.request, self.request.user, "recovery_codes_made")
        return answer
