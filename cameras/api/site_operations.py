"""The operations on sites, as the OpenAPI document describes them."""

from drf_spectacular.utils import OpenApiParameter

from cameras.api import parameters
from cameras.api.examples import EMPTY_SITE, EMPTY_SITE_ID, SITE, SITE_ID
from cameras.api.serializers import SiteShape, SiteUpdate, SiteWrite
from controlplane.problem_types import SITE_IN_USE
from controlplane.schema import Exchange, Gives, operation

_SITE = OpenApiParameter("id", parameters.ID, OpenApiParameter.PATH, description="Id of a site.")
_NEW_SITE = {"name": "South Lot", "timezone": "Europe/Berlin", "location": "Behind the station"}

LIST_SITES = operation(
    "list_sites",
    "List sites",
    gives={200: Gives("The sites, by name.", SiteShape(many=True))},
    exchanges=[Exchange("The whole list", [SITE, EMPTY_SITE])],
)

CREATE_SITE = operation(
    "create_site",
    "Register a site",
    takes=SiteWrite,
    parameters=[
        OpenApiParameter(
            "Location", str, OpenApiParameter.HEADER, response=[201], description="The site's address."
        )
    ],
    gives={201: Gives("The site as it is stored.", SiteShape)},
    exchanges=[
        Exchange(
            "A second place",
            {"id": "e47b02d9-95c6-4d1f-8a3e-60f1b7c2954d", **_NEW_SITE, "latitude": None, "longitude": None},
            body=_NEW_SITE,
            status=201,
        )
    ],
)

GET_SITE = operation(
    "get_site",
    "Read a site",
    parameters=[_SITE],
    gives={200: Gives("The site.", SiteShape)},
    exchanges=[Exchange("A place", SITE, {"id": SITE_ID})],
)

UPDATE_SITE = operation(
    "update_site",
    "Change a site",
    takes=SiteUpdate,
    parameters=[_SITE],
    gives={200: Gives("The site as it is stored now.", SiteShape)},
    exchanges=[
        Exchange(
            "Where it is",
            SITE | {"location": "Chausseestrasse 2, Berlin"},
            {"id": SITE_ID},
            {"location": "Chausseestrasse 2, Berlin"},
        )
    ],
)

DELETE_SITE = operation(
    "delete_site",
    "Remove a site",
    parameters=[_SITE],
    gives={204: Gives("It is removed.")},
    problems=[SITE_IN_USE],
    exchanges=[Exchange("Remove it", None, {"id": EMPTY_SITE_ID}, status=204)],
)
