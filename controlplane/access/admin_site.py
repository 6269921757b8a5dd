"""The site of the admin: its addresses that belong to no list. Two of them check their own parameters.

Beside the package `admin`, which Django can import only when the site is there.
"""

import re
from collections.abc import Collection
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.sites import UnfoldAdminSite

from controlplane.problems import shown_name
from controlplane.search_terms import check_search
from controlplane.strict_json import fault_of_text, refuse


class ControlPlaneSite(UnfoldAdminSite):
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Where the admin sends whoever is not signed in; the form stands at the address of `sign_in`."""
        return HttpResponseRedirect(_with_next(request, "account_login"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(_with_next(request, "account_change_password"))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The palette. Raises Problem 400 for a parameter that it does not know or cannot use.

        Not unfold's: that keeps what it found for five minutes, and lists every row that matches.
        """
        _check(request, ("s", "extended", "page"), term="s")
        text = request.GET.get("s", "").strip()
        find = self._get_config("COMMAND", request)["search_callback"]
        results = self._get_value(find, request, text) if text else []
        context = {"results": results, "text": text}
        return TemplateResponse(request, "unfold/helpers/command_results.html", context)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """The rows that a picker offers. Raises Problem 400 as `search` does."""
        _check(request, ("app_label", "model_name", "field_name", "term", "page"), term="term")
        return super().autocomplete_view(request)


def _with_next(request: HttpRequest, name: str) -> str:
    """An address of `sign_in`, which also checks where it leads back to."""
    following = request.GET.get(REDIRECT_FIELD_NAME)
    return f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: following})}" if following else reverse(name)


def _check(request: HttpRequest, known: Collection[str], term: str) -> None:
    for name, values in request.GET.lists():
        # `_` is what jQuery adds against caches.
        if name not in known and name != "_":
            refuse(shown_name(name), f"There is no such parameter here. Known are: {', '.join(known)}.")
        for value in values:
            if name == term:
                check_search(value, name)
            elif name == "page" and not re.fullmatch(r"[1-9][0-9]{0,5}", value):
                refuse(name, "Must be a whole number from 1 to 999,999.")
            elif fault := fault_of_text(value):
                refuse(name, fault)
