"""The commands of the registry: tokens, epochs and the demo, as they are run from a shell."""

import json
import re
import stat
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from cameras import change_feed, demo
from cameras.intent import clean_camera
from cameras.management.commands import create_token
from cameras.models import Camera, Change, Site
from controlplane.access import tokens
from controlplane.access.memberships import roles_of
from controlplane.access.models import ApiToken, AuditEntry
from controlplane.access.principals import Role
from controlplane.access.tokens import verify
from tests.factories import ApiClient, make_camera, make_site, make_token, scope_of, token_id_of

pytestmark = pytest.mark.django_db


def is_away(*statement: Any) -> None:
    raise OperationalError("no such table")


@pytest.mark.parametrize(
    "command",
    [
        ("create_token", "w", "--role", "viewer"),
        ("demo",),
        ("export_cameras",),
        ("import_cameras", "cameras.csv", "--dry-run"),
        ("new_epoch",),
    ],
    ids=lambda command: command[0],
)
def test_a_database_that_is_away_or_not_migrated_is_reported_in_one_line(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cameras.csv").write_text("name,connection_string\nGate,rtsp://10.0.0.5/live\n")

    with pytest.raises(CommandError, match=r"does not answer.*migrate"), connection.execute_wrapper(is_away):
        call_command(*command)


@pytest.mark.parametrize("command", [("export_cameras",), ("import_cameras", "-")], ids=lambda command: command[0])
def test_a_format_that_is_not_known_is_answered_with_those_that_are(command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"choose from '?csv'?, '?json'?, '?frigate'?"):
        call_command(*command, "--format", "xml")


# --- create_token -----------------------------------------------------------------------------------------


def test_a_token_stands_alone_on_standard_output_and_authenticates(capsys: Any) -> None:
    call_command("create_token", "console", "--role", "viewer")

    out, err = capsys.readouterr()
    secret = out.removesuffix("\n")
    assert secret.split() == [secret]
    assert secret not in err
    assert ApiClient(secret).get("/cameras").status_code == 200
    token = ApiToken.objects.get()
    assert (token.name, token.role, token.created_by) == ("console", "viewer", "command:create_token")
    assert token.expires_at == token.created_at + timedelta(days=365)
    with pytest.raises(CommandError, match="Another token has this name"):
        call_command("create_token", "console", "--role", "viewer")
    call_command("create_token", "for ever", "--role", "viewer", "--expires", "never")
    assert ApiToken.objects.get(name="for ever").expires_at is None


def test_a_token_can_be_bound_to_a_camera_and_expire(capsys: Any) -> None:
    camera = make_camera()

    call_command("create_token", "w", "--role", "worker", "--camera", str(camera.pk), "--expires", "30")

    principal = verify(capsys.readouterr().out.strip(), timezone.now())
    assert principal is not None
    assert principal.scope_for("telemetry.report_sample") == scope_of(camera)
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert timedelta(days=29) < expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize("attribute", ["name", "pk"])
def test_a_token_can_be_bound_to_a_site_by_name_or_id(attribute: str, capsys: Any) -> None:
    site = make_site("North lot")

    call_command("create_token", "w", "--role", "worker", "--site", str(getattr(site, attribute)))

    principal = verify(capsys.readouterr().out.strip(), timezone.now())
    assert principal is not None
    assert principal.scope_for("telemetry.report_sample") == scope_of(site)


def test_a_token_can_be_bound_to_several_sites_and_cameras(capsys: Any) -> None:
    north, south, camera, other = make_site("North"), make_site("South"), make_camera("Gate"), make_camera("Yard")
    bound_to = ["--site", "North", "--site", str(south.pk), "--camera", str(camera.pk), "--camera", str(other.pk)]

    call_command("create_token", "w", "--role", "worker", *bound_to, "--site", "North")

    out, err = capsys.readouterr()
    principal = verify(out.strip(), timezone.now())
    assert principal is not None
    assert principal.scope_for("telemetry.report_sample") == scope_of(north, south, camera, other)
    assert "bound to site North, site South, camera Gate, camera Yard" in err


def test_the_help_of_create_token_says_what_each_role_is() -> None:
    described = re.findall(r"^  ([a-z]+)  +\S", create_token.ROLES, re.MULTILINE)

    assert sorted(described) == sorted(Role.values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--role", "king"], "Use one of viewer, operator"),
        (["--role", "worker", "--camera", "7b0ad2ca-6f83-4e4b-9e5c-8c4dcf0a4a11"], "no camera with this id"),
        (["--role", "worker", "--camera", "gate"], "no camera with this id"),
        (["--role", "worker", "--site", "Nowhere"], "Known are: North"),
        (["--role", "worker", "--site", ""], "no site with this name"),
        (["--role", "worker", "--site", "North", "--site", "Nort"], "this name or id: “Nort”. Known are: North"),
        (["--role", "worker", "--site", "North", "--camera", "x"], "no camera with this id: “x”"),
        (["--role", "worker", "--expires", "0"], "from 1 to"),
        (["--role", "worker", "--expires=-3"], "from 1 to"),
        (["--role", "worker", "--expires", "soon"], "or never"),
        (["--role", "worker", "--expires", "999999999999"], "from 1 to"),
    ],
)
def test_what_cannot_be_is_reported_and_no_token_is_made(arguments: list[str], message: str, capsys: Any) -> None:
    make_site("North")

    with pytest.raises(CommandError, match=message):
        call_command("create_token", "w", *arguments)

    assert capsys.readouterr().out == ""
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_token_needs_a_name_that_can_be_shown(name: str) -> None:
    with pytest.raises(CommandError, match="printable name"):
        call_command("create_token", name, "--role", "viewer")


def test_tokens_are_listed_and_revoked_by_name_or_id_with_what_they_made(capsys: Any) -> None:
    now, site = timezone.now(), make_site()
    maker = make_token("orchestrator", site, make_camera(), name="maker", expires_at=now + timedelta(days=1))
    tokens.create_token(
        name="made",
        role="worker",
        scope=scope_of(site),
        by=verify(maker, now).author("api"),
        now=now,  # type: ignore[union-attr]
    )
    make_token("viewer", name="evil\nname")
    make_token("viewer", name="expired", expires_at=now)

    call_command("revoke_token", "maker")
    assert capsys.readouterr().out == f"Revoked maker ({token_id_of(maker)}), and 1 that it made.\n"
    call_command("list_tokens")
    listed = capsys.readouterr().out.splitlines()
    call_command("list_tokens", "--all")
    all_listed = capsys.readouterr().out.splitlines()
    call_command("revoke_token", str(ApiToken.objects.get(name="expired").pk))

    assert listed[0].split()[:3] == ["NAME", "ROLE", "FOR"]
    assert [line.split()[0] for line in listed[1:]] == ["evil\\nname"]
    assert [(line.split()[0], re.search("revoked|expired  |valid", line)[0].strip()) for line in all_listed[1:]] == [  # type: ignore[index]
        ("evil\\nname", "valid"), ("expired", "expired"), ("made", "revoked"), ("maker", "revoked"),
    ]  # fmt: skip
    assert "1 site, 1 camera" in all_listed[-1]
    for gone in ("maker", str(token_id_of(maker)), "nobody"):
        with pytest.raises(CommandError, match="No token that could be revoked"):
            call_command("revoke_token", gone)


# --- new_epoch --------------------------------------------------------------------------------------------


def test_a_new_epoch_ends_every_cursor_that_was_given_out(capsys: Any) -> None:
    make_camera()
    before = change_feed.current_cursor()

    call_command("new_epoch")

    after = change_feed.parse_cursor(capsys.readouterr().out.strip())
    assert after == change_feed.current_cursor()
    assert after is not None
    assert (after.epoch != before.epoch, after.revision) == (True, before.revision)
    with pytest.raises(change_feed.CursorGone):
        change_feed.scan_changes(before, 10)
    assert AuditEntry.objects.get(action="epoch.renewed").by == "command:new_epoch"


# --- demo -------------------------------------------------------------------------------------------------


def run_demo(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    file = tmp_path / "demo.json"
    call_command("demo", "--days", "0", "--credentials-file", str(file), *arguments)
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Site, Camera, get_user_model(), ApiToken, AuditEntry))


def test_a_demo_has_sites_cameras_with_zones_users_and_tokens(tmp_path: Path) -> None:
    run_demo(tmp_path)

    assert 3 <= Site.objects.count() <= 4
    states = Counter(Camera.objects.values_list("desired_state", flat=True))
    assert sum(states.values()) == 24
    assert 0 < states["stopped"] < 6
    assert Camera.objects.filter(address__startswith="10.").values("address").distinct().count() == 24
    assert set(ApiToken.objects.values_list("role", flat=True)) == set(Role.values)
    assert set(Change.objects.values_list("by", flat=True)) == {"command:demo"}
    roles = {user.get_username(): (user.is_staff, roles_of(user)) for user in get_user_model().objects.all()}
    assert roles == {
        "demo-viewer": (True, {None: "viewer"}),
        "demo-operator": (True, {None: "operator"}),
        "demo-administrator": (True, {None: "administrator"}),
    }


def test_the_secrets_of_a_demo_work_and_only_their_owner_can_read_the_file(tmp_path: Path, capsys: Any) -> None:
    made = run_demo(tmp_path)

    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["demo.json"]
    assert set(made["users"]) == {"viewer", "operator", "administrator"}
    for login in made["users"].values():
        assert authenticate(username=login["username"], password=login["password"]) is not None
        assert login["password"] not in capsys.readouterr().out
    assert set(made["tokens"]) == set(Role.values)
    assert len(ApiClient(made["tokens"]["viewer"]).get("/cameras").json()) == 24


def test_a_demo_without_a_file_shows_its_secrets_once(capsys: Any) -> None:
    call_command("demo", "--days", "0")
    first = capsys.readouterr().out
    call_command("demo")
    second = capsys.readouterr().out

    assert first.count("cpt_") == len(Role)
    assert "cpt_" not in second
    assert "there already" in second
    assert "create_token" in second


def test_a_second_demo_makes_nothing_and_writes_no_file(tmp_path: Path) -> None:
    run_demo(tmp_path)
    (tmp_path / "demo.json").unlink()
    before = rows()

    call_command("demo", "--credentials-file", str(tmp_path / "demo.json"))

    assert rows() == before
    assert not (tmp_path / "demo.json").exists()


def test_a_demo_stays_away_from_cameras_of_others_unless_forced(tmp_path: Path, capsys: Any) -> None:
    make_camera()

    call_command("demo", "--credentials-file", str(tmp_path / "demo.json"))

    assert Camera.objects.count() == 1
    assert "--force" in capsys.readouterr().out
    run_demo(tmp_path, "--force")
    assert Camera.objects.count() == 25


def test_a_reset_removes_what_demos_made_and_nothing_else(tmp_path: Path) -> None:
    old = run_demo(tmp_path)
    own = make_camera("Own", site=Site.objects.get(name="Central station"))
    demo_cameras = set(demo.find_demo().cameras)

    new = run_demo(tmp_path, "--reset", "--force")

    assert Camera.objects.filter(pk=own.pk).exists()
    assert not Camera.objects.filter(pk__in=demo_cameras).exists()
    assert Camera.objects.count() == 25
    assert ApiToken.objects.filter(revoked_at=None).count() == len(Role)
    assert verify(old["tokens"]["viewer"], timezone.now()) is None
    assert verify(new["tokens"]["viewer"], timezone.now()) is not None
    assert get_user_model().objects.count() == 3


def test_a_demo_that_cannot_hand_over_its_secrets_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("demo", "--credentials-file", str(tmp_path / "nowhere" / "demo.json"))

    assert not Camera.objects.exists()
    assert not ApiToken.objects.exists()


def test_a_demo_does_not_take_over_a_user_of_the_same_name(tmp_path: Path) -> None:
    get_user_model().objects.create_user("demo-viewer")

    with pytest.raises(CommandError, match="already a user demo-viewer"):
        run_demo(tmp_path)

    assert not Camera.objects.exists()


def test_the_zones_of_the_demo_are_stored_as_the_rules_would_have_them() -> None:
    for site in demo.SITES:
        for camera in site.cameras:
            values = {**camera.values, "connection_string": camera.connection("10.0.0.1")}
            features = clean_camera(values)["zone_config"]["features"]
            assert [feature["properties"]["name"] for feature in features] == [
                zone["properties"]["name"] for zone in camera.zones
            ]
