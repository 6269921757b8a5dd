"""Second factors on the page of a person: what there is, and taking all of it away from who has lost it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

from controlplane.access import second_factors
from controlplane.access.authentication import author_of


class WithSecondFactors(ModelAdmin):
    """The page of a person begins with their second factors, for whoever may edit the person."""

    change_form_outer_before_template = "admin/access/second_factors.html"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        person = context.get("original")
        if person is not None and self.has_change_permission(request, person):
            context["second_factors"] = second_factors.in_words(second_factors.kinds_of(person))
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.remove_factors_view)
        address = path("<int:person_id>/second-factors/remove/", view, name="auth_user_remove_factors")
        return [address, *super().get_urls()]

    def remove_factors_view(self, request: HttpRequest, person_id: int) -> HttpResponse:
        """Take all second factors from a person: a POST with its CSRF token, from their page."""
        person = self.get_object(request, str(person_id))
        if request.method == "POST":
            if person is None or not self.has_change_permission(request, person):
                raise PermissionDenied
            second_factors.remove_all(person=person, by=author_of(request, "admin"), now=timezone.now())
            text = gettext("“%(name)s” has no second factor any more, and can set up a new one after signing in.")
            messages.success(request, text % {"name": person.get_username()})
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[person_id]))
