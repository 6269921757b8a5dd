"""Plain ways to make what a test needs, through the same actions as every entry point."""

import json
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

from django.http import HttpResponse
from django.test import Client

from cameras import actions, credentials, site_actions
from cameras.intent import clean_camera, clean_site
from cameras.models import Camera, Site
from cameras.redaction import redact_text
from controlplane.access.models import ApiToken
from controlplane.access.principals import Principal, Role, grants_of, unlimited
from controlplane.access.scope import WHOLE_FLEET, Scope
from controlplane.access.tokens import create_token, digest_of
from tests.openapi.conformance import require_documented

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
AUTHOR = unlimited("user:factory").author("test")
SECRET = "S3cret-of-the-lens"
URL = f"rtsp://user:{SECRET}@10.0.0.5:554/stream"
# The body of the brief's example, with a zone in the place of its dots.
BRIEF = {
    "name": "South Gate",
    "connection_string": "rtsp://user:pass@10.0.0.5:554/stream",
    "zone_config": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
}


def make_site(name: str = "North", now: datetime = NOW, **values: Any) -> Site:
    return site_actions.register_site(values=clean_site({"name": name, **values}, new=True), by=AUTHOR, now=now)


def make_camera(name: str = "Gate", now: datetime = NOW, site: Site | None = None, **values: Any) -> Camera:
    given = {"name": name, "connection_string": URL, **values}
    if site:
        given["site"] = str(site.pk)
    return actions.register_camera(values=clean_camera(given), by=AUTHOR, now=now)


def make_camera_of_before(connection_string: str, name: str = "Gate", **values: Any) -> Camera:
    """A camera whose connection string stands in the database as an earlier version took it."""
    camera = make_camera(name, **values)
    camera.sealed_connection = credentials.seal(camera.pk, connection_string)
    camera.redacted_connection = redact_text(connection_string)
    camera.save(update_fields=["sealed_connection", "redacted_connection"])
    return camera


def scope_of(*places: Site | Camera) -> Scope:
    """These sites and cameras; where there are none, the whole fleet."""
    if not places:
        return WHOLE_FLEET
    return Scope(
        sites=frozenset(place.pk for place in places if isinstance(place, Site)),
        cameras=frozenset(place.pk for place in places if isinstance(place, Camera)),
    )


def make_token(role: str, *bound_to: Site | Camera, **values: Any) -> str:
    """The secret of a new token."""
    names = chain([role], (f"{role}-{number}" for number in count(2)))
    taken = set(ApiToken.objects.filter(revoked_at=None).values_list("name", flat=True))
    name = next(name for name in names if name not in taken)
    given = {"name": name, "role": role, "scope": scope_of(*bound_to), "now": datetime.now(UTC), **values}
    return create_token(by=AUTHOR, **given)[1]


def token_id_of(secret: str) -> Any:
    """The id of the token with this secret."""
    return ApiToken.objects.get(digest=digest_of(secret)).pk


def make_principal(role: str, *bound_to: Site | Camera, name: str = "") -> Principal:
    """Who asks with a token of the role, without a row for it."""
    name = f"token:{name or role}"
    return Principal(name, name, grants_of(Role(role), scope_of(*bound_to)))


def make_holder(*held: tuple[Any, ...]) -> Principal:
    """Who holds several roles, each in a scope of its own: `("operator", north), ("viewer", south, camera)`."""
    grants = [grant for role, *places in held for grant in grants_of(Role(role), scope_of(*places))]
    return Principal("user:7", "user:olga", tuple(grants))


class Answer:
    """An answer of Django's test client, streamed or not."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status_code, self.content, self.headers = response.status_code, response.content, response.headers

    def json(self) -> Any:
        return json.loads(self.content)

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


class ApiClient:
    """Speaks to the API as one token, or by the session of a person; bodies go and come as JSON.

    Every answer must be one that is documented.
    """

    def __init__(self, secret: str | None = None, *, session: Any = None) -> None:
        self.secret = secret
        self.client = Client(raise_request_exception=False)
        if session:
            self.client.force_login(session)

    def request(self, method: str, path: str, body: Any = None, **headers: Any) -> Any:
        if self.secret:
            headers = {"Authorization": f"Bearer {self.secret}", **headers}
        content_type = headers.pop("content_type", "application/json")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        # Django's client leaves the header out where the body is empty.
        sent = {"CONTENT_TYPE": content_type}
        answer = self.client.generic(method, path, data, content_type=content_type, headers=headers, **sent)
        if answer.streaming:
            whole = b"".join(answer.streaming_content)
            answer = HttpResponse(whole, status=answer.status_code, headers=dict(answer.items()))
        require_documented(method, path, answer.status_code, answer.get("Content-Type", ""), answer.content)
        return Answer(answer)

    def get(self, path: str, **headers: Any) -> Any:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.request("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: Any) -> Any:
        return self.request("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: Any) -> Any:
        return self.request("DELETE", path, **headers)
