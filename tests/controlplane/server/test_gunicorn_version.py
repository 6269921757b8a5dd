"""The service starts on a gunicorn that it was tested with, and on no other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.server.gunicorn_version import TESTED
from tests.faults.service import Service
from tests.processes import ROOT, service_environment

pytestmark = pytest.mark.once

APPLICATIONS = ["controlplane.asgi:application", "telemetry.asgi:application"]
# Newer, older than the `asgi` worker, and one that only begins like a tested one.
OTHERS = ["99.0.0", "19.9.0", f"{TESTED[0]}.dev1"]

AS_ANOTHER = """
import sys
import gunicorn
gunicorn.__version__, *sys.argv = sys.argv[1:]
from gunicorn.app.wsgiapp import run
run()
"""


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("version", OTHERS)
def test_another_gunicorn_is_refused_in_one_sentence(version: str, application: str, tmp_path: Path) -> None:
    command = ["gunicorn", "-k", "asgi", "-b", "127.0.0.1:0", "--pid", str(tmp_path / "pid"), application]
    ended = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, version, *command],
        cwd=ROOT,
        env=service_environment(f"sqlite:///{tmp_path}/none.sqlite3"),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    for part in (f"gunicorn {version} is installed", f"tested with gunicorn {TESTED[0]}", "requirements.txt"):
        assert part in line
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_one_that_is_installed_starts(application: str, tmp_path: Path) -> None:
    with Service(tmp_path, f"sqlite:///{tmp_path}/none.sqlite3", application=application) as service:
        assert len(service.workers()) == 2
        assert service.logged_errors() == []


def test_the_pinned_one_is_tested() -> None:
    pins = re.findall(r"^gunicorn==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert len(pins) == 1
    assert pins[0] in TESTED
