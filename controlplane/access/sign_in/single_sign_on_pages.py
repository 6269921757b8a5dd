"""Coming in by the provider of single sign-on, and connecting one's account there to who one is here.

None of it is there where no provider is set up.
"""

import hmac
import time
from typing import Any
from urllib.parse import urlencode

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import login as login_flow
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.mixins import NextRedirectMixin
from allauth.account.models import Login
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View

from controlplane.access import sign_ins, single_sign_on, throttle
from controlplane.access.identity_provider import provider
from controlplane.access.identity_provider.faults import (
    AnswerRefused,
    ClockOff,
    ProviderAway,
    ProviderFault,
    RolesUnreadable,
)
from controlplane.access.sign_in import trail
from controlplane.access.sign_in.frame import Page
from controlplane.addresses import holder_at
from controlplane.problems import Problem

ATTEMPT = "single_sign_on_attempt"
ATTEMPT_SECONDS = 600
MAX_CODE = 4_096
# Under which failures are counted: nobody is called so, since usernames have no spaces.
NAME_OF_FAILURES = "single sign-on"
# What a provider answers where the person themselves did not go on (RFC 6749, section 4.1.2.1).
CANCELLED = "access_denied"

log = structlog.get_logger(__name__)


class _WithProvider(Page):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not provider.is_set_up():
            raise Http404
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


class Begin(_WithProvider, NextRedirectMixin, TemplateView):
    """Leads to the provider, by a page: from a form no redirect may lead to another host."""

    title = _("Sign in")
    template_name = "account/single_sign_on.html"
    connects = False

    def post(self, request: HttpRequest) -> HttpResponse:
        attempt = provider.new_attempt()
        try:
            address = provider.address_to_sign_in(attempt, _callback_of(request))
        except ProviderFault as fault:
            return _not_let_in(request, fault, self.get_next_url() or "")
        request.session[ATTEMPT] = {
            "attempt": attempt,
            "at": time.time(),
            "next": self.get_next_url() or "",
            "connects": self.connects,
        }
        return self.render_to_response(self.get_context_data(address=address))


class Connect(LoginRequiredMixin, Begin):
    """For who is signed in: from then on they come in by their account at the provider too."""

    connects = True
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        raise_if_reauthentication_required(request, app="controlplane.access")
        return super().post(request)


class Disconnect(LoginRequiredMixin, _WithProvider, View):
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        raise_if_reauthentication_required(request, app="controlplane.access")
        person: Any = request.user
        if not single_sign_on.disconnect(person, by=trail.author_of(request, person), now=timezone.now()):
            messages.error(request, gettext("Without a password here you could not come in any more."))
        return HttpResponseRedirect(reverse("mfa_index"))


class Callback(_WithProvider, View):
    """Where the provider sends the browser back to."""

    http_method_names = ["get"]

    def get(self, request: HttpRequest) -> HttpResponse:
        begun = request.session.pop(ATTEMPT, None)
        if begun is None or not _fits(request, begun):
            messages.error(request, gettext("This sign-in was begun elsewhere, or too long ago. Begin it again."))
            return HttpResponseRedirect(reverse("account_login"))
        if request.GET.get("error") == CANCELLED:
            messages.info(request, gettext("You have not signed in with %(provider)s.") % _named())
            return _back(request, begun["next"])
        try:
            claims = self._claims(request, provider.Attempt(*begun["attempt"]))
            if begun["connects"]:
                return self._connect(request, claims)
            return self._let_in(request, claims, begun["next"])
        except ProviderFault as fault:
            return _not_let_in(request, fault, begun["next"])

    def _claims(self, request: HttpRequest, attempt: provider.Attempt) -> dict[str, Any]:
        """What the provider says of who comes. Raises ProviderFault, and Problem 429 after too many failures."""
        code, now = request.GET.get("code", ""), timezone.now()
        address = holder_at(request.source.address)  # type: ignore[attr-defined]
        try:
            counted = throttle.begin(name=NAME_OF_FAILURES, address=address, now=now)
        except Problem:
            sign_ins.record_throttled(request, NAME_OF_FAILURES)
            raise
        try:
            if not 0 < len(code) <= MAX_CODE:
                raise AnswerRefused("the provider has sent the person back without a code")
            claims = provider.claims_for(code, attempt, _callback_of(request), now)
        except ProviderAway:
            throttle.undo(counted)  # nobody has guessed anything
            raise
        throttle.undo(counted)
        return claims

    def _let_in(self, request: HttpRequest, claims: dict[str, Any], following: str) -> HttpResponse:
        by = single_sign_on.giver_at(request)
        try:
            person = single_sign_on.take_in(claims, by=by, now=timezone.now())
        except single_sign_on.NoRole as error:
            name = error.person.get_username() if error.person else ""
            log.warning("nobody was signed in by single sign-on", cause="the claim gives no role")
            sign_ins.record_failed(request, name)
            text = gettext("%(provider)s gives you no role here. Ask who looks after your account there.")
            messages.error(request, text % _named())
            return _back(request, following)
        if request.user.is_authenticated:
            logout(request)
        login_flow.record_authentication(request, person, single_sign_on.SESSION_KEY)
        signal: dict[str, Any] = {single_sign_on.SESSION_KEY: True}
        return login_flow.perform_login(
            request, Login(user=person, redirect_url=following or None, signal_kwargs=signal)
        )

    def _connect(self, request: HttpRequest, claims: dict[str, Any]) -> HttpResponse:
        person: Any = request.user
        if not person.is_authenticated:
            return _back(request, "")
        try:
            by = trail.author_of(request, person)
            single_sign_on.connect(person, claims, by=by, now=timezone.now())
        except single_sign_on.OfSomebodyElse:
            messages.error(request, gettext("Your account at %(provider)s is another person's here.") % _named())
        else:
            messages.success(request, gettext("You can sign in with %(provider)s now.") % _named())
        return HttpResponseRedirect(reverse("mfa_index"))


def _fits(request: HttpRequest, begun: dict[str, Any]) -> bool:
    """Whether who comes back is who was sent away from this browser, a short while ago."""
    state = provider.Attempt(*begun["attempt"]).state
    sent = request.GET.get("state", "").encode(errors="replace")
    return hmac.compare_digest(sent, state.encode()) and time.time() - begun["at"] < ATTEMPT_SECONDS


def _callback_of(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("single_sign_on_callback"))


def _named() -> dict[str, str]:
    return {"provider": provider.name()}


def _not_let_in(request: HttpRequest, fault: ProviderFault, following: str) -> HttpResponse:
    """Back to the login, which says in words what the log says in detail."""
    log.warning("nobody was signed in by single sign-on", cause=fault.cause, kind=type(fault).__name__)
    sign_ins.record_failed(request, "")
    messages.error(request, _words_of(fault) % _named())
    return _back(request, following)


def _words_of(fault: ProviderFault) -> str:
    match fault:
        case ProviderAway():
            return gettext("%(provider)s does not answer. Try later, or log in with a password if you have one.")
        case ClockOff():
            return gettext("The clocks of %(provider)s and of this service are too far apart to sign you in.")
        case RolesUnreadable():
            return gettext("What %(provider)s says of your roles cannot be read. Ask an administrator.")
    return gettext("What %(provider)s answered cannot be trusted, so you are not signed in. Ask an administrator.")


def _back(request: HttpRequest, following: str) -> HttpResponse:
    if request.user.is_authenticated:
        return HttpResponseRedirect(reverse("mfa_index"))
    query = f"?{urlencode({'next': following})}" if following and get_adapter().is_safe_url(following) else ""
    return HttpResponseRedirect(reverse("account_login") + query)
