"""The commands that import and export."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from cameras import actions
from cameras.models import Camera, Change, Site
from cameras.transfer import exports
from controlplane.access.models import AuditEntry
from tests.cameras.transfer.plans import OTHER_URL, csv_of
from tests.factories import AUTHOR, NOW, SECRET, URL, make_camera, make_site

pytestmark = pytest.mark.django_db


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_command_shows_the_plan_and_stores_it_only_when_told_to(tmp_path: Path, capsys: Any) -> None:
    make_camera("Gate")
    file = write(tmp_path, "a.csv", csv_of({"name": "Gate", "connection_string": OTHER_URL}, {"name": "N\x1b[31m", "connection_string": URL})[:-1].replace("N\x1b[31m", "New"))  # fmt: skip

    call_command("import_cameras", file, "--dry-run")
    with pytest.raises(CommandError, match="Give --yes"):
        call_command("import_cameras", file)
    assert Camera.objects.count() == 1
    call_command("import_cameras", file, "--yes")

    told = capsys.readouterr().out
    assert "change    line 2: Gate" in told
    assert "connection_string: rtsp://user:***@10.0.0.5:554/stream → rtsp://user:***@10.0.0.6/b" in told
    assert "1 to create, 1 to change, 0 unchanged, 0 refused." in told
    assert SECRET not in told
    assert "an0ther-secret" not in told
    assert Camera.objects.count() == 2
    assert Change.objects.latest("revision").by == "command:import_cameras"


def test_the_command_names_refused_rows_and_exits_with_1(tmp_path: Path, capsys: Any) -> None:
    file = write(
        tmp_path, "a.json", json.dumps([{"name": "\x1b[31mred\u202e"}, {"name": "B", "connection_string": URL}])
    )

    with pytest.raises(CommandError, match="leave them out with --skip-refused") as refused:
        call_command("import_cameras", file, "--yes")

    told = capsys.readouterr().out
    assert refused.value.returncode == 1
    assert "refused   item 1: \\x1b[31mred\\u202e" in told
    assert "          connection_string: Is required." in told
    assert "\x1b" not in told
    assert Camera.objects.count() == 0


def test_the_command_leaves_refused_rows_out_when_it_is_told_to(tmp_path: Path, capsys: Any) -> None:
    file = write(
        tmp_path,
        "a.csv",
        csv_of(
            {"name": "Good", "connection_string": URL},
            {"name": "Bad", "connection_string": "http://u:hunter2@h/p"},
        ),
    )
    refused = tmp_path / "refused.csv"

    call_command("import_cameras", file, "--skip-refused", "--refused", str(refused), "--dry-run")
    assert Camera.objects.count() == 0
    call_command("import_cameras", file, "--skip-refused", "--refused", str(refused), "--yes")

    assert list(Camera.objects.values_list("name", flat=True)) == ["Good"]
    assert capsys.readouterr().out.endswith("Stored, without the 1 refused.\n")
    assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    mended = refused.read_text().replace("http://", "rtsp://")
    call_command("import_cameras", write(tmp_path, "mended.csv", mended), "--yes")
    assert set(Camera.objects.values_list("name", flat=True)) == {"Good", "Bad"}


def test_the_command_stores_nothing_of_a_file_of_10_000_refused_rows_and_tells_of_each(
    tmp_path: Path, capsys: Any
) -> None:
    rows = [
        {"name": f"Camera {n}", "connection_string": "rtsp://u:hunter2@", "zone_config": "{"}
        for n in range(10_000)
    ]
    file, refused = write(tmp_path, "a.csv", csv_of(*rows)), tmp_path / "refused.csv"

    with pytest.raises(CommandError, match="every row is refused"):
        call_command("import_cameras", file, "--skip-refused", "--yes", "--refused", str(refused))

    told = capsys.readouterr().out
    assert [told.count(words) for words in ("refused   line ", "zone_config: ", "connection_string: ")] == [
        10_000
    ] * 3
    assert "hunter2" not in told
    again = list(csv.DictReader(io.StringIO(refused.read_text())))
    assert [row["refused_line"] for row in again] == [str(n) for n in range(2, 10_002)]
    assert [{name: row[name] for name in rows[0]} for row in again] == rows
    assert (Camera.objects.count(), Change.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/nowhere/at/all.csv"], "cannot be read"),
        (["FILE", "--site", "Nowhere"], "no site with this name"),
        (["FILE", "--format", "json"], "not JSON"),
    ],
)
def test_the_command_says_what_it_was_given_wrong(tmp_path: Path, arguments: list[str], told: str) -> None:
    file = write(tmp_path, "a.csv", "name\nA\n")

    with pytest.raises(CommandError, match=told):
        call_command("import_cameras", *[argument.replace("FILE", file) for argument in arguments])


def test_placeholders_come_from_the_environment_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "FRIGATE_SECRET").write_text("from-a-file\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("FRIGATE_USER", "viewer")
    file = write(tmp_path, "a.yml", "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: rtsp://{FRIGATE_USER}:{FRIGATE_SECRET}@h/p\n")  # fmt: skip

    call_command("import_cameras", file, "--yes", "--site", make_site("North").name)

    camera = Camera.objects.get()
    assert actions.reveal_connection_string(camera=camera, by=AUTHOR, now=NOW) == "rtsp://viewer:from-a-file@h/p"
    assert (camera.site.name if camera.site else "", camera.desired_state) == ("North", "stopped")


def test_an_exported_file_is_for_its_owner_alone(tmp_path: Path, capsys: Any) -> None:
    make_camera("Gate", site=make_site("North"))
    make_camera("Other")
    file = tmp_path / "cameras.json"
    file.touch(0o644)

    call_command("export_cameras", "--format", "json", "--with-credentials", "--site", "North", "-o", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [(one["name"], one["connection_string"]) for one in json.loads(file.read_text())] == [("Gate", URL)]
    assert AuditEntry.objects.get(action=exports.REVEALED).by == "command:export_cameras"
    assert SECRET not in capsys.readouterr().out
    with pytest.raises(CommandError, match="Give --with-credentials"):
        call_command("export_cameras", "--format", "frigate")


def test_a_database_that_is_busy_is_told_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**values: Any) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr(actions, "save_cameras", busy)
    file = write(tmp_path, "a.csv", csv_of({"name": "New", "connection_string": URL, "site": "Harbour"}))

    with pytest.raises(CommandError, match="busy"):
        call_command("import_cameras", file, "--yes")

    assert (Camera.objects.count(), Site.objects.count()) == (0, 0)
