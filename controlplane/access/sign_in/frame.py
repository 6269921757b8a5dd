"""What every page of signing in has in common."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.views.generic.base import ContextMixin

from controlplane.access.steps import Step, step_of


class Page(ContextMixin):
    """A page of allauth on the skeleton of the admin."""

    request: Any
    title: Any = ""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        step = step_of(user) if user.is_authenticated else None
        return {
            **admin.site.each_context(self.request),
            "title": self.title,
            "mail_is_set_up": bool(settings.EMAIL_HOST),
            "must_change_password": step is Step.FIRST_PASSWORD,
            "must_add_factor": step is Step.SECOND_FACTOR,
            **super().get_context_data(**kwargs),
        }
