"""A person's own password: changing it, and setting it anew by a link that was mailed."""

from typing import Any, cast

from allauth.account.views import PasswordChangeView, PasswordResetFromKeyView, PasswordResetView
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from controlplane.access import first_passwords
from controlplane.access.session_store import SessionStore
from controlplane.access.sessions import end_sessions_of, key_of_row
from controlplane.access.sign_in import trail
from controlplane.access.sign_in.frame import Guarded, Page


class ChangePassword(Guarded, PasswordChangeView):
    title = _("Change password")
    template_name = "account/change_password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and not request.user.has_usable_password():
            raise Http404  # signs in by single sign-on alone
        return super().dispatch(request, *args, **kwargs)

    def get_default_success_url(self) -> str:
        """After a first password whatever comes next, which may be another step."""
        was_first = first_passwords.must_change(self.request.user)
        return reverse("admin:index") if was_first else super().get_default_success_url()

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        this_session = key_of_row(cast("SessionStore", self.request.session))
        _was_changed(self.request, form.user, "password_changed", but=this_session)
        return answer


class _ByMail(Page):
    """Not there where no mail server is set up."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.EMAIL_HOST:
            raise Http404
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc]


class AskForReset(_ByMail, PasswordResetView):
    title = _("Forgotten password")
    template_name = "account/ask_for_reset.html"
    success_url = reverse_lazy("account_login")

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        if answer.status_code == 302:  # else too many were asked for
            text = gettext("If somebody here has this address, an e-mail with a link is on its way.")
            messages.info(self.request, text)
        return answer


class ResetPassword(_ByMail, PasswordResetFromKeyView):
    title = _("Set a new password")
    template_name = "account/reset_password.html"
    success_url = reverse_lazy("account_login")

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        _was_changed(self.request, self.reset_user, "password_reset")
        return answer


def _was_changed(request: HttpRequest, person: Any, what: str, but: str = "") -> None:
    """Who is signed in with the old password is not any more, but for one session."""
    first_passwords.was_changed(person)
    trail.record(request, person, what)
    end_sessions_of(person, by=trail.author_of(request, person), now=timezone.now(), but=but)
