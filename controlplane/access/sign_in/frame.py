"""What every page of signing in has in common."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic.base import ContextMixin

from controlplane.access import sign_ins, throttle
from controlplane.access.identity_provider import provider as identity_provider
from controlplane.access.steps import Step, step_of
from controlplane.addresses import holder_at
from controlplane.problems import Problem

# The codes of errors for a wrong password, code or passkey; all else in a form is no attempt to guess.
WRONG = {
    "username_password_mismatch",
    "incorrect_password",
    "incorrect_code",
    "enter_current_password",
    "incorrect_passkey",
}


class Page(ContextMixin):
    """A page of allauth on the skeleton of the admin."""

    request: Any
    title: Any = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        step = step_of(user, self.request.session) if user.is_authenticated else None
        return {
            **admin.site.each_context(self.request),
            "title": self.title,
            "mail_is_set_up": bool(settings.EMAIL_HOST),
            "provider": identity_provider.name() if identity_provider.is_set_up() else "",
            "must_change_password": step is Step.FIRST_PASSWORD,
            "must_add_factor": step is Step.SECOND_FACTOR,
            **super().get_context_data(**kwargs),
        }


class Guarded(Page):
    """A page that asks for a factor. Attempts are counted before they are looked at, see `throttle`."""

    _is_wrong = False

    def name_asked_for(self) -> str:
        """Whose factor it is, as it was typed; empty for a passkey, which says so itself."""
        return str(self.request.user.get_username())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        name, now = self.name_asked_for(), timezone.now()
        address = holder_at(request.source.address)  # type: ignore[attr-defined]
        try:
            attempt = throttle.begin(name=name, address=address, now=now)
        except Problem:
            sign_ins.record_throttled(request, name)
            raise
        answer: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        if not self._is_wrong:
            throttle.undo(attempt)
        return answer

    def form_invalid(self, form: Any) -> HttpResponse:
        codes = {error.code for errors in form.errors.as_data().values() for error in errors}
        self._is_wrong = bool(codes & WRONG) or "credential" in form.errors
        return super().form_invalid(form)  # type: ignore[misc]
