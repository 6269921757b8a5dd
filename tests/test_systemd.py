"""The units of deploy/systemd, with Debian's `systemd-analyze`, which needs no systemd that runs."""

import re
import shutil
from pathlib import Path

import pytest

from tests.processes import ROOT, output_of

ANALYZE = shutil.which("systemd-analyze")
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
PLACE = "/opt/controlplane"
#: 0 is closed, 100 open; a unit without any of it has 96
MOST_EXPOSED = 15

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(ANALYZE is None, reason="There is no systemd-analyze; on Debian: apt-get install systemd"),
]


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units as they are, but for where the program stands: here it has just enough to be found."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "gunicorn"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    copies = [tmp_path / unit.name for unit in UNITS]
    for unit, copy in zip(UNITS, copies, strict=True):
        copy.write_text(unit.read_text().replace(PLACE, str(tmp_path)))
    return copies


def analyze(*arguments: str | Path) -> str:
    return output_of([str(ANALYZE), *arguments], timeout=60)


def test_systemd_finds_no_fault_in_the_units(units: list[Path]) -> None:
    assert len(units) == 4
    assert analyze("verify", "--man=no", *units) == ""


def test_no_unit_may_more_than_it_needs(units: list[Path]) -> None:
    for unit in units:
        analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit)


def test_what_they_start_is_what_the_documents_say_and_nothing_is_confined_less_than_the_rest() -> None:
    started = {unit.stem: re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.M) for unit in UNITS}
    confined = {
        unit.read_text().partition("# What it may")[2].partition("\n\n[Install]")[0].strip() for unit in UNITS
    }
    operation = (ROOT / "docs" / "how-to" / "operation.md").read_text()

    for name in ("controlplane", "controlplane-maintain"):
        (command,) = started[name]
        words = command.removeprefix(f"{PLACE}/.venv/bin/")
        assert words in operation
    assert len(confined) == 1
