"""Who asks, and tokens over REST: made, shown once, listed and revoked, never more than their maker may."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from cameras.models import Camera, Site
from controlplane.access.models import ApiToken, AuditEntry
from tests.admin_client import give, make_person
from tests.at_once import at_once
from tests.factories import ApiClient, make_camera, make_site, make_token, token_id_of

pytestmark = pytest.mark.django_db

NUMBERS = count()


def made(client: ApiClient, role: str = "worker", *bound_to: Site | Camera, **values: Any) -> Any:
    """The answer to a request for a token."""
    body: dict[str, Any] = {"name": f"new {role} {next(NUMBERS)}", "role": role}
    sites = [str(place.pk) for place in bound_to if isinstance(place, Site)]
    cameras = [str(place.pk) for place in bound_to if isinstance(place, Camera)]
    headers = values.pop("headers", {})
    return client.post(
        "/tokens",
        body | ({"sites": sites} if sites else {}) | ({"cameras": cameras} if cameras else {}) | values,
        **headers,
    )


def listed(client: ApiClient) -> list[str]:
    return [token["name"] for token in client.get("/tokens").json()]


# --- Who asks -----------------------------------------------------------------------------------------------


def test_a_token_reads_what_it_may_where_and_until_when() -> None:
    site, camera = make_site(), make_camera()
    expires_at = datetime.now(UTC) + timedelta(days=3)
    secret = make_token("worker", site, camera, name="gate", expires_at=expires_at)

    me = ApiClient(secret).get("/me").json()

    assert (me["kind"], me["id"], me["label"], me["roles"]) == (
        "token", str(token_id_of(secret)), "token:gate", ["worker"],
    )  # fmt: skip
    assert datetime.fromisoformat(me["expires_at"]) == expires_at
    (grant,) = me["grants"]
    assert grant["scope"] == {"whole_fleet": False, "sites": [str(site.pk)], "cameras": [str(camera.pk)]}
    assert grant["permissions"] == [
        "cameras.list_camera", "cameras.reveal_camera", "cameras.view_camera", "cameras.view_change",
        "telemetry.report_sample",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("held", "is_superuser", "roles"),
    [(["operator", "viewer"], False, ["viewer", "operator"]), ([], True, ["administrator"]), ([], False, [])],
)
def test_a_person_reads_their_roles_and_where_they_hold(
    held: list[str], is_superuser: bool, roles: list[str]
) -> None:
    user = make_person("olga", is_superuser=is_superuser)
    sites = [make_site(f"Site {number}") for number in range(len(held))]
    give(user, *zip(held, sites, strict=True))
    client = ApiClient(session=user)

    me = client.get("/me").json()

    assert (me["kind"], me["id"], me["label"], me["roles"]) == ("person", str(user.pk), "user:olga", roles)
    assert me["expires_at"] is None
    permissions = {permission for grant in me["grants"] for permission in grant["permissions"]}
    assert ("cameras.operate_camera" in permissions) is bool(roles)
    where = [(grant["scope"]["whole_fleet"], grant["scope"]["sites"]) for grant in me["grants"]]
    assert where == ([(True, [])] if is_superuser else [(False, [str(site.pk)]) for site in sites])


# --- Names ----------------------------------------------------------------------------------------------------


def test_two_valid_tokens_do_not_share_a_name(administrator: ApiClient, orchestrator: ApiClient) -> None:
    first = made(administrator, name="gate").json()
    refused = made(orchestrator, name="gate")
    ApiToken.objects.filter(pk=first["id"]).update(expires_at=datetime.now(UTC))
    after_expiry = made(orchestrator, name="gate")
    administrator.delete(f"/tokens/{after_expiry.json()['id']}")
    after_revocation = made(administrator, name="gate")

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "taken")
    assert (after_expiry.status_code, after_revocation.status_code) == (201, 201)
    assert ApiToken.objects.filter(name="gate", revoked_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_for_one_name_at_once_one_makes_a_token() -> None:
    makers = [ApiClient(make_token("orchestrator")) for _ in range(4)]

    statuses = at_once(*[lambda maker=maker: made(maker, name="gate").status_code for maker in makers])

    assert sorted(statuses) == [201, 400, 400, 400]


# --- Made -----------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_works(orchestrator: ApiClient) -> None:
    camera, other = make_camera("mine"), make_camera("other")

    answer = made(orchestrator, "worker", camera)

    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store, no-transform"
    secret = answer.json()["token"]
    assert ApiClient(secret).get(f"/cameras/{camera.pk}/credentials").status_code == 200
    assert ApiClient(secret).get(f"/cameras/{other.pk}").status_code == 404
    assert secret not in orchestrator.get("/tokens").content.decode()
    (item,) = orchestrator.get("/tokens").json()
    assert item == {name: value for name, value in answer.json().items() if name != "token"}
    entry = AuditEntry.objects.filter(action="token.created").latest("pk")
    assert (entry.by, entry.object_id, entry.via) == ("token:orchestrator", item["id"], "api")


#: the maker's own days, the days that are asked for (0: null), what it becomes or None for no end, and the status
VALIDITY: list[tuple[str, int | None, int | None, int | None, int]] = [
    ("administrator", None, None, 365, 201),
    ("administrator", None, 0, None, 201),
    ("administrator", 400, None, 365, 201),
    ("administrator", 400, 0, 400, 201),
    ("administrator", None, 400, 400, 201),
    ("administrator", 5, None, 5, 201),
    ("administrator", 5, 4, 4, 201),
    ("administrator", 5, 6, None, 400),
    ("orchestrator", None, None, 30, 201),
    ("orchestrator", None, 0, 30, 201),
    ("orchestrator", None, 29, 29, 201),
    ("orchestrator", None, 31, None, 400),
    ("orchestrator", 5, None, 5, 201),
    ("orchestrator", 60, None, 30, 201),
    ("orchestrator", None, -1, None, 400),
]


@pytest.mark.parametrize(("role", "own", "asked", "becomes", "status"), VALIDITY)
def test_a_token_ends_no_later_than_its_maker_and_after_30_days_from_an_orchestrator(
    role: str, own: int | None, asked: int | None, becomes: int | None, status: int
) -> None:
    now = datetime.now(UTC)
    client = ApiClient(make_token(role, expires_at=now + timedelta(days=own) if own else None))
    ends_at = (now + timedelta(days=asked)).isoformat() if asked else None
    wanted = {} if asked is None else {"expires_at": ends_at}

    answer = made(client, "worker", **wanted)

    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errors"][0]["field"] == "expires_at"
    elif becomes is None:
        assert answer.json()["expires_at"] is None
    else:
        ends_in = datetime.fromisoformat(answer.json()["expires_at"]) - now
        assert timedelta(days=becomes) <= ends_in < timedelta(days=becomes, minutes=5)


def test_nobody_gives_more_than_they_have_nor_learns_of_what_they_may_not_see(orchestrator: ApiClient) -> None:
    mine, other = make_site("Mine"), make_site("Other")
    inside, outside = make_camera("inside", site=mine), make_camera("outside", site=other)
    bound = ApiClient(make_token("administrator", mine))
    bound_orchestrator = ApiClient(make_token("orchestrator", mine))

    assert made(bound, "administrator", mine).status_code == 201
    assert made(bound, "orchestrator", inside).status_code == 201
    assert made(bound_orchestrator, "worker", mine, inside).status_code == 201
    for client in (bound, bound_orchestrator):
        assert made(client, "worker").status_code == 403
        for place, code in ((other, "unknown_site"), (outside, "unknown_camera")):
            answer = made(client, "worker", place)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    for role in ("viewer", "operator", "administrator", "orchestrator"):
        assert made(orchestrator, role).status_code == 403


FAULTS: list[tuple[Any, str, str]] = [
    ([], "", "invalid"),
    ({"role": "worker"}, "name", "required"),
    ({"name": "x"}, "role", "required"),
    ({"name": "\u200b", "role": "worker"}, "name", "invalid"),
    ({"name": "x" * 101, "role": "worker"}, "name", "too_large"),
    ({"name": "x", "role": "king"}, "role", "invalid"),
    ({"name": "x", "role": "worker", "sites": []}, "sites", "invalid"),
    ({"name": "x", "role": "worker", "cameras": None}, "cameras", "invalid"),
    ({"name": "x", "role": "worker", "cameras": ["x"]}, "cameras", "invalid"),
    ({"name": "x", "role": "worker", "cameras": [5]}, "cameras", "invalid"),
    ({"name": "x", "role": "worker", "cameras": ["x"] * 1001}, "cameras", "too_large"),
    ({"name": "x", "role": "worker", "expires_at": "tomorrow"}, "expires_at", "invalid"),
    ({"name": "x", "role": "worker", "expires_at": 5}, "expires_at", "invalid"),
    ({"name": "x", "role": "worker", "maker": "me"}, "maker", "unknown"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_what_is_wrong_is_named_and_makes_no_token(
    administrator: ApiClient, body: Any, field: str, code: str
) -> None:
    answer = administrator.post("/tokens", body)

    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert ApiToken.objects.count() == 1


def test_a_repeated_key_revokes_the_first_token_and_makes_another(orchestrator: ApiClient) -> None:
    camera = make_camera()

    def with_key(client: ApiClient, key: str) -> ApiClient:
        name = f"{key} of {client.secret}"  # the same again for the same key
        answer = made(client, "worker", camera, name=name, headers={"Idempotency-Key": key})
        return ApiClient(answer.json()["token"])

    def works(client: ApiClient) -> bool:
        return bool(client.get("/me").status_code == 200)

    first = with_key(orchestrator, "a")
    assert works(first)
    second, another_key = with_key(orchestrator, "a"), with_key(orchestrator, "b")
    another_maker = with_key(ApiClient(make_token("orchestrator")), "a")
    third = with_key(orchestrator, "a")

    assert list(map(works, (first, second, third, another_key, another_maker))) == [False, False, True, True, True]
    for wrong in ("", "x" * 201, "\u00e9"):
        answer = made(orchestrator, "worker", headers={"Idempotency-Key": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


@pytest.mark.django_db(transaction=True)
def test_of_requests_with_one_key_at_once_one_token_stays_valid(db: None) -> None:
    user = make_person("olga", is_superuser=True)
    by_token = make_token("orchestrator")

    def as_token() -> int:
        return int(made(ApiClient(by_token), name="a", headers={"Idempotency-Key": "k"}).status_code)

    def as_person() -> int:
        return int(made(ApiClient(session=user), name="b", headers={"Idempotency-Key": "k"}).status_code)

    for act, maker in ((as_token, f"token:{token_id_of(by_token)}"), (as_person, f"user:{user.pk}")):
        assert at_once(*[act] * 4) == [201] * 4
        assert ApiToken.objects.filter(maker=maker).count() == 4
        assert ApiToken.objects.filter(maker=maker, revoked_at=None).count() == 1


# --- Listed and revoked -------------------------------------------------------------------------------------


def test_an_administrator_sees_what_lies_in_their_scope_and_an_orchestrator_what_it_made(
    administrator: ApiClient, orchestrator: ApiClient
) -> None:
    mine, other = make_site("Mine"), make_site("Other")
    inside = make_camera("inside", site=mine)
    bound = ApiClient(make_token("administrator", mine, name="bound"))
    made(orchestrator, "worker", mine, name="at mine")
    made(orchestrator, "worker", inside, name="inside")
    made(administrator, "worker", mine, other, name="at both")
    made(administrator, "worker", name="everywhere")
    gone = make_camera("gone", site=other)
    made(administrator, "worker", gone, name="of a camera that is gone")
    administrator.delete(f"/cameras/{gone.pk}")

    assert listed(bound) == ["inside", "at mine", "bound"]
    assert listed(orchestrator) == ["inside", "at mine"]
    assert set(listed(administrator)) >= {"everywhere", "at both", "of a camera that is gone", "administrator"}
    at_both = ApiToken.objects.get(name="at both")
    for client in (bound, orchestrator):
        assert client.delete(f"/tokens/{at_both.pk}").status_code == 404
    at_both.refresh_from_db()
    assert at_both.revoked_at is None


def test_pages_hold_every_token_once_in_a_constant_number_of_queries(
    administrator: ApiClient, django_assert_num_queries: Any
) -> None:
    for number in range(6):
        made(administrator, "worker", make_camera(f"camera {number}"), name=str(number))
    ApiToken.objects.update(created_at=datetime.now(UTC))  # all of one moment

    seen: list[str] = []
    path = "/tokens?limit=3"
    while path:
        with django_assert_num_queries(2):
            answer = administrator.get(path)
        seen += [token["id"] for token in answer.json()]
        link = answer.headers.get("Link")
        path = link[1 : link.index(">")].removeprefix("http://testserver") if link else ""

    assert len(seen) == 7
    assert set(seen) == {str(key) for key in ApiToken.objects.values_list("pk", flat=True)}


def test_a_token_is_revoked_once_with_all_that_it_made(administrator: ApiClient) -> None:
    parent = made(administrator, "administrator", name="parent").json()
    child = made(ApiClient(parent["token"]), "orchestrator", name="child").json()
    grandchild = made(ApiClient(child["token"]), "worker", name="grandchild").json()
    family = [ApiClient(token["token"]) for token in (parent, child, grandchild)]
    assert [client.get("/me").status_code for client in family] == [200, 200, 200]

    assert administrator.delete(f"/tokens/{parent['id']}").status_code == 204

    assert [client.get("/me").status_code for client in family] == [401, 401, 401]
    assert administrator.get("/me").status_code == 200
    assert AuditEntry.objects.filter(action="token.revoked").count() == 3
    assert administrator.delete(f"/tokens/{parent['id']}").status_code == 204
    assert AuditEntry.objects.filter(action="token.revoked").count() == 3


def test_a_token_goes_with_the_maker_that_has_lost_all_it_was_bound_to(administrator: ApiClient) -> None:
    site = make_site()
    maker = ApiClient(make_token("orchestrator", site))
    worker = ApiClient(made(maker, "worker", site).json()["token"])

    assert administrator.delete(f"/sites/{site.pk}").status_code == 204

    assert [client.get("/me").status_code for client in (maker, worker)] == [401, 401]


def test_a_maker_that_is_revoked_elsewhere_and_remembered_here_makes_nothing(orchestrator: ApiClient) -> None:
    assert orchestrator.get("/me").status_code == 200
    ApiToken.objects.update(revoked_at=datetime.now(UTC))  # as another process

    answer = made(orchestrator)

    assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")
    assert ApiToken.objects.count() == 1


def test_what_is_no_token_is_404_and_what_is_no_parameter_400(administrator: ApiClient) -> None:
    assert administrator.delete("/tokens/x").status_code == 404
    assert administrator.delete("/tokens/9f2a4d70-6c3b-4b18-a5e9-1d0c7f8e2b64").status_code == 404
    assert administrator.get("/tokens?state=valid").status_code == 400
    assert administrator.get("/tokens?cursor=x").status_code == 400
