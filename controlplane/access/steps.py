"""What a person has to do after signing in, before they may do anything else.

In the admin, and by session in the API.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from controlplane.access import first_passwords, second_factors, single_sign_on
from controlplane.access.authentication import principal_of_user
from controlplane.access.principals import OPERATOR
from controlplane.problems import Problem, answer


class Step(StrEnum):
    """Each with what the API says of it."""

    FIRST_PASSWORD = "Change the password that was given to you first: sign in to /admin/."  # noqa: S105
    SECOND_FACTOR = "Your role needs a second factor: sign in to /admin/ and add one first."


# By step: the page that it is done on, and the addresses under which the other pages for it stand.
PAGES = {Step.FIRST_PASSWORD: "account_change_password", Step.SECOND_FACTOR: "mfa_index"}
WITHIN = {Step.FIRST_PASSWORD: ("/admin/account/password/",), Step.SECOND_FACTOR: ("/admin/account/",)}
ALWAYS = ("/admin/logout/", "/admin/jsi18n/")


def step_of(person: Any, session: Any) -> Step | None:
    """The step that comes next; None where the person may do what their role may.

    Who has come by single sign-on has none: what it takes to sign in there, the provider says.
    """
    if single_sign_on.has_come_by_it(session):
        return None
    if first_passwords.must_change(person):
        return Step.FIRST_PASSWORD
    if not second_factors.has_one(person) and needs_second_factor(person):
        return Step.SECOND_FACTOR
    return None


def needs_second_factor(person: Any) -> bool:
    """Whether REQUIRE_MFA asks this person for a second factor.

    Administrators are all who may do, somewhere, more than operators.
    """
    if settings.REQUIRE_MFA != "administrators":
        return bool(settings.REQUIRE_MFA == "everybody")
    return any(permissions - OPERATOR for permissions, _scope in principal_of_user(person).grants)


class StepsFirst:
    """Leads whoever has a step to take to its page, and refuses everything else. A token has no steps."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """The answer in the place of a page; None where the page answers."""
        if "Authorization" in request.headers and not request.path.startswith("/admin/"):
            return None
        step = step_of(request.user, request.session) if request.user.is_authenticated else None
        if step is None or request.path.startswith((*WITHIN[step], *ALWAYS)):
            return None
        if request.path.startswith("/admin/") and request.method in ("GET", "HEAD"):
            return HttpResponseRedirect(reverse(PAGES[step]))
        return answer(request, Problem(403, step))
