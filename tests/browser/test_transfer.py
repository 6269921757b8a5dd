"""An import as a person does it: a file with faults, its plan, the mended file, and its confirmation."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cameras.models import Camera
from cameras.transfer.files.rows import MAX_UPLOAD_BYTES
from tests.factories import make_camera

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = """\
name,site,connection_string,location
Gate,,rtsp://u:s3cret-one@10.1.2.3/a,=roof
Dock,Harbour,rtsp://u:s3cret-two@10.1.2.4/b,
Yard,Harbour,rtsp://u:s3cret-three@10.1.2.5/c,
"""


def show_plan(page: Page, file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    page.goto("/admin/cameras/camera/")
    page.get_by_role("link", name="Import").click()
    page.locator("#id_file").set_input_files(file)
    page.get_by_role("button", name="Show the plan").click()


def test_a_person_imports_a_file_with_two_bad_rows_mends_it_and_exports_what_is_there(
    administrator: Page, tmp_path: Path
) -> None:
    page = administrator
    make_camera("Gate", location="door")

    page.goto("/admin/cameras/camera/import/")
    (tmp_path / "large.csv").write_bytes(b"x" * (MAX_UPLOAD_BYTES + 1))
    page.locator("#id_file").set_input_files(tmp_path / "large.csv")
    assert "larger than 3 MiB" in page.locator("#id_file").evaluate("input => input.validationMessage")

    bad = GOOD.replace("rtsp://u:s3cret-two", "http://u:s3cret-two").replace("Yard,", ",")
    show_plan(page, tmp_path / "cameras.csv", bad)
    refused = page.locator("#plan-refused")
    dock, nameless = refused.locator("tbody tr").nth(0), refused.locator("tbody tr").nth(1)
    expect(dock).to_contain_text("3")
    expect(dock).to_contain_text("connection_string: Its scheme is not supported.")
    expect(nameless).to_contain_text("4")
    expect(nameless).to_contain_text("name: Must not be empty.")
    page.get_by_role("button", name="Store 1 camera").click()
    assert page.get_by_label("Leave the refused rows out").evaluate("box => box.matches(':invalid')")
    assert "s3cret" not in page.content()
    assert Camera.objects.get().location == "door"

    show_plan(page, tmp_path / "cameras.csv", GOOD)
    expect(page.locator("#plan-change tbody tr")).to_contain_text("location: door → =roof")
    expect(page.locator("#plan-create tbody tr")).to_have_count(2)
    expect(page.get_by_text("A new site is made: Harbour.")).to_be_visible()
    assert "s3cret" not in page.content()
    page.get_by_role("button", name="Store 3 cameras").click()
    expect(page.get_by_text("2 cameras created, 1 changed.")).to_be_visible()
    assert Camera.objects.get(name="Yard").site.name == "Harbour"

    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    exported = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert "'=roof" in exported
    assert "s3cret" not in exported
    show_plan(page, tmp_path / "again.csv", exported)
    expect(page.get_by_text("There is nothing to do")).to_be_visible()


def test_a_person_stores_the_good_rows_and_mends_the_refused_ones_in_a_file_of_their_own(
    administrator: Page, tmp_path: Path
) -> None:
    page = administrator
    show_plan(page, tmp_path / "cameras.csv", GOOD.replace("rtsp://u:s3cret-two", "http://u:s3cret-two"))

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the refused rows").click()
    refused = Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.get_by_label("Leave the refused rows out").check()
    page.get_by_role("button", name="Store 2 cameras").click()
    expect(page.get_by_text("2 cameras created, 0 changed, 1 row left out.")).to_be_visible()

    assert download.value.suggested_filename == "refused-cameras.csv"
    assert "connection_string: Its scheme is not supported." in refused
    show_plan(page, tmp_path / "mended.csv", refused.replace("http://", "rtsp://"))
    page.get_by_role("button", name="Store 1 camera").click()
    expect(page.get_by_text("1 camera created, 0 changed.")).to_be_visible()
    assert set(Camera.objects.values_list("name", flat=True)) == {"Gate", "Dock", "Yard"}
