"""Sites over REST."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from cameras import site_actions
from cameras.api import parameters, site_operations
from cameras.api.answers import StrictViewSet, clean_or_problem, json_answer, no_such
from cameras.api.representation import site_detail
from cameras.api.serializers import SiteShape
from cameras.intent import clean_site
from cameras.models import Site
from cameras.querysets import SiteQuerySet
from controlplane.access.authentication import author_of
from controlplane.problem_types import SITE_IN_USE
from controlplane.problems import Problem


class SiteViewSet(StrictViewSet):
    """Places with cameras."""

    queryset = Site.objects.all()
    serializer_class = SiteShape
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": "cameras.view_site",
        "create": "cameras.add_site",
        "retrieve": "cameras.view_site",
        "partial_update": "cameras.change_site",
        "destroy": "cameras.delete_site",
    }

    def get_queryset(self) -> SiteQuerySet:
        return Site.objects.within(self.scope)

    @site_operations.LIST_SITES
    def list(self, request: Request) -> HttpResponse:
        """All sites that the principal may see, by name."""
        return json_answer([site_detail(site) for site in self.get_queryset().order_by("name")])

    @site_operations.CREATE_SITE
    def create(self, request: Request) -> HttpResponse:
        """Register a site."""
        values = clean_or_problem(lambda: clean_site(request.data, new=True))
        site = clean_or_problem(
            lambda: site_actions.register_site(values=values, by=author_of(request), now=self.now)
        )
        response = json_answer(site_detail(site), 201)
        response["Location"] = f"/sites/{site.pk}"
        return response

    @site_operations.GET_SITE
    def retrieve(self, request: Request, id: str) -> HttpResponse:
        """One site."""
        return json_answer(site_detail(self.find_site(parameters.id_in_path(id))))

    @site_operations.UPDATE_SITE
    def partial_update(self, request: Request, id: str) -> HttpResponse:
        """Change just the fields that are sent."""
        site = self.find_site(parameters.id_in_path(id))
        values = clean_or_problem(lambda: clean_site(request.data, new=False))
        try:
            clean_or_problem(
                lambda: site_actions.update_site(site=site, values=values, by=author_of(request), now=self.now)
            )
        except Site.DoesNotExist:
            raise no_such("site") from None
        return json_answer(site_detail(site))

    @site_operations.DELETE_SITE
    def destroy(self, request: Request, id: str) -> Response:
        """Remove a site that has no cameras any more."""
        site = self.find_site(parameters.id_in_path(id))
        try:
            site_actions.retire_site(site=site, by=author_of(request), now=self.now)
        except site_actions.SiteInUse:
            raise Problem(
                409, "The site still has cameras: move or remove them first.", kind=SITE_IN_USE
            ) from None
        except Site.DoesNotExist:
            raise no_such("site") from None
        return Response(status=204)
