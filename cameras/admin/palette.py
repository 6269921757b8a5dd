"""What Ctrl+K finds: sites and cameras as their lists find them, and pages of the admin by their names."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from unfold.dataclasses import SearchResult

from cameras import names
from cameras.models import Camera, Site

SITES_AT_MOST = 5
CAMERAS_AT_MOST = 20


def find(request: HttpRequest, text: str) -> list[SearchResult]:
    """What the person may open, with exact names first. A text that asks too much raises Problem 400."""
    words = names.folded(text).split()
    pages = (page for page in _pages(request) if _holds(f"{page.title} {page.description}", words))
    found = [*_sites(request, text), *pages, *_cameras(request, text)]
    return sorted(found, key=lambda one: names.folded(one.title) != " ".join(words))


def _holds(text: str, words: list[str]) -> bool:
    return all(word in names.folded(text) for word in words)


def _pages(request: HttpRequest) -> Iterator[SearchResult]:
    site: Any = admin.site
    for section in site.get_sidebar_list(request):
        for item in section["items"]:
            if item["has_permission"]:
                yield SearchResult(str(item["title"]), str(section["title"]), str(item["link"]), item["icon"])
    for model, page in site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        many = capfirst(model._meta.verbose_name_plural)
        if page.has_add_permission(request):
            title = gettext("Add %(name)s") % {"name": model._meta.verbose_name}
            yield SearchResult(title, many, reverse(f"{name}_add"), "add")
        for action in page.get_actions_list(request):
            yield SearchResult(str(action.description), many, reverse(f"admin:{action.action_name}"), action.icon)


def _sites(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    for site in _rows(request, Site, text, SITES_AT_MOST):
        link = reverse("admin:cameras_site_change", args=[site.pk])
        yield SearchResult(site.name, gettext("Site"), link, "location_on")


def _cameras(request: HttpRequest, text: str) -> Iterator[SearchResult]:
    cameras = _rows(request, Camera, text, CAMERAS_AT_MOST + 1)
    for camera in cameras[:CAMERAS_AT_MOST]:
        where = camera.site.name if camera.site else gettext("No site")
        link = reverse("admin:cameras_camera_change", args=[camera.pk])
        yield SearchResult(camera.name, f"{where}, {camera.address}", link, "videocam")
    if len(cameras) > CAMERAS_AT_MOST:
        title = gettext("All cameras with “%(text)s”") % {"text": text}
        link = f"{reverse('admin:cameras_camera_changelist')}?{urlencode({'q': text})}"
        yield SearchResult(title, gettext("Cameras"), link, "search")


def _rows(request: HttpRequest, model: Any, text: str, at_most: int) -> list[Any]:
    page = admin.site.get_model_admin(model)
    if not page.has_view_permission(request):
        return []
    rows, _may_repeat = page.get_search_results(request, page.get_queryset(request), text)
    return list(rows[:at_most])
