"""Who may do what, and what a bound principal sees."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.access.models import ApiToken
from controlplane.access.principals import Role
from tests.factories import BRIEF, ApiClient, make_camera, make_site, make_token, token_id_of

pytestmark = pytest.mark.django_db


def listed(client: ApiClient, query: str = "") -> Any:
    return client.get(f"/cameras{query}").json()


WHO = ("viewer", "operator", "administrator", "orchestrator", "worker", "bound", None)
#: viewer, operator, administrator, orchestrator, worker, worker bound to the camera, nobody
MATRIX: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("GET", "/me", None, (200, 200, 200, 200, 200, 200, 401)),
    ("GET", "/audit", None, (403, 403, 200, 403, 403, 403, 401)),
    ("GET", "/tokens", None, (403, 403, 200, 200, 403, 403, 401)),
    ("POST", "/tokens", {"name": "x", "role": "worker"}, (403, 403, 201, 201, 403, 403, 401)),
    ("POST", "/tokens", {"name": "x", "role": "viewer"}, (403, 403, 201, 403, 403, 403, 401)),
    ("DELETE", "/tokens/{token}", None, (403, 403, 204, 404, 403, 403, 401)),
    ("GET", "/cameras", None, (200, 200, 200, 200, 403, 200, 401)),
    ("POST", "/cameras", BRIEF, (403, 403, 201, 403, 403, 403, 401)),
    ("GET", "/cameras/{id}", None, (200, 200, 200, 200, 403, 200, 401)),
    ("PATCH", "/cameras/{id}", {"desired_state": "running"}, (403, 200, 200, 403, 403, 403, 401)),
    ("PATCH", "/cameras/{id}", {"name": "x"}, (403, 403, 200, 403, 403, 403, 401)),
    ("GET", "/cameras/{id}/credentials", None, (403, 403, 200, 200, 403, 200, 401)),
    ("POST", "/cameras/specs", {"ids": []}, (200, 200, 200, 200, 403, 200, 401)),
    ("POST", "/cameras/specs", {"ids": [], "credentials": True}, (403, 403, 200, 200, 403, 200, 401)),
    ("GET", "/cameras/summary", None, (200, 200, 200, 200, 403, 200, 401)),
    ("GET", "/cameras/changes", None, (200, 200, 200, 200, 403, 200, 401)),
    ("GET", "/telemetry/{id}", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/cameras/{id}/availability", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/transitions", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/availability", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/sites", None, (200, 200, 200, 200, 403, 403, 401)),
    ("POST", "/sites", {"name": "New"}, (403, 403, 201, 403, 403, 403, 401)),
    ("GET", "/sites/{site}", None, (200, 200, 200, 200, 403, 403, 401)),
    ("PATCH", "/sites/{site}", {"location": "x"}, (403, 403, 200, 403, 403, 403, 401)),
    ("DELETE", "/sites/{site}", None, (403, 403, 204, 403, 403, 403, 401)),
    ("DELETE", "/cameras/{id}", None, (403, 403, 204, 403, 403, 403, 401)),
    ("GET", "/deleted-cameras", None, (403, 403, 200, 403, 403, 403, 401)),
    ("POST", "/deleted-cameras/{id}/restore", None, (403, 403, 200, 403, 403, 403, 401)),
    ("DELETE", "/deleted-cameras/{id}", None, (403, 403, 404, 403, 403, 403, 401)),
    ("GET", "/schema", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/docs", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/metrics", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/metrics/cameras", None, (404, 404, 404, 404, 403, 403, 401)),  # off
    ("GET", "/livez", None, (200,) * 7),
    ("GET", "/readyz", None, (200,) * 7),
]


def test_the_table_has_a_column_for_every_role() -> None:
    assert {*Role.values} == {*WHO} - {"bound", None}


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"), MATRIX, ids=[f"{row[0]} {row[1]}" for row in MATRIX]
)
def test_each_role_may_do_what_the_table_says(
    method: str, path: str, body: Any, expected: tuple[int, ...]
) -> None:
    answers = []
    for number, role in enumerate(WHO):
        camera, site = make_camera(), make_site(f"Site {number}")
        if role == "bound":
            client = ApiClient(make_token("worker", camera))
        else:
            client = ApiClient(make_token(role) if role else None)
        token = token_id_of(make_token("viewer", name=f"another {number}"))
        answer = client.request(method, path.format(id=camera.pk, site=site.pk, token=token), body)
        answers.append(answer.status_code)
        ApiToken.objects.filter(name="x").delete()  # the name that the table gives a new one
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"

    assert tuple(answers) == expected


def test_a_bound_principal_sees_and_touches_only_its_site() -> None:
    mine, other = make_site("Mine"), make_site("Other")
    inside, outside = make_camera("inside", site=mine), make_camera("outside", site=other)
    client = ApiClient(make_token("administrator", mine))

    assert [item["name"] for item in listed(client)] == ["inside"]
    assert [site["name"] for site in client.get("/sites").json()] == ["Mine"]
    for path in ("", "/credentials"):
        assert client.get(f"/cameras/{outside.pk}{path}").status_code == 404
    assert client.get(f"/telemetry/{outside.pk}").status_code == 404
    assert client.patch(f"/cameras/{outside.pk}", {"desired_state": "running"}).status_code == 404
    assert client.delete(f"/cameras/{outside.pk}").status_code == 404
    assert client.patch(f"/cameras/{inside.pk}", {"site": str(other.pk)}).status_code == 403
    assert client.post("/cameras", BRIEF).status_code == 403
    assert client.post("/cameras", {**BRIEF, "site": str(mine.pk)}).status_code == 201
    assert client.post("/sites", {"name": "New"}).status_code == 403


def test_a_revoked_and_an_expired_token_are_401() -> None:
    camera = make_camera()
    revoked = ApiClient(make_token("viewer"))
    ApiToken.objects.update(revoked_at=datetime.now(UTC))
    expired = ApiClient(make_token("viewer", expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    for client in (revoked, expired, ApiClient("cpt_" + "a" * 43), ApiClient("x")):
        answer = client.get(f"/cameras/{camera.pk}")
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Bearer")
