"""Who may read the file of a database that SQLite makes."""

import os
import stat
from pathlib import Path

import pytest
from django.db.utils import ConnectionHandler

pytestmark = pytest.mark.django_db  # which lets tests speak to a database at all


@pytest.mark.parametrize(("before", "after"), [(None, 0o600), (0o640, 0o640)])
def test_a_new_file_is_its_owner_s_alone_and_the_mode_of_one_that_exists_is_left(
    tmp_path: Path, before: int | None, after: int
) -> None:
    file = tmp_path / "new.sqlite3"
    if before is not None:
        file.touch(before)
        file.chmod(before)
    mask = os.umask(0o022)
    try:
        database = ConnectionHandler({"default": {"ENGINE": "controlplane.databases.sqlite3", "NAME": str(file)}})
        with database["default"].cursor() as cursor:
            cursor.execute("CREATE TABLE rows (id)")
        database["default"].close()
    finally:
        os.umask(mask)

    assert stat.S_IMODE(file.stat().st_mode) == after
