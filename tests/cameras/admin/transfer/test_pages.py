"""Import and export in the admin: who may, what the pages say, and that a file's secrets are in none of them."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from cameras.models import Camera, Change
from cameras.transfer import exports
from cameras.transfer.files.formats import Format
from cameras.transfer.files.rows import MAX_UPLOAD_BYTES
from controlplane.access.models import AuditEntry
from tests.admin_client import form_of, shown_messages, sign_in
from tests.factories import SECRET, URL, make_camera, make_site

IMPORT = "/admin/cameras/camera/import/"
EXPORT = "/admin/cameras/camera/export/"
LIST = "/admin/cameras/camera/"
SECRETS = (SECRET, "an0ther-secret")
HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31m",
    "\u202eevil",
    "=1+1",
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(db: None) -> Client:
    return sign_in("administrator", name="anna")


def upload(client: Client, text: str | bytes, name: str = "cameras.json", **said: str) -> Any:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    file.name = name
    return client.post(IMPORT, {"file": file, "format": "", "site": "", **said})


def test_a_plan_is_shown_then_stored_and_holds_no_secret_of_the_file(anna: Client) -> None:
    make_camera("Gate", notes="keep")
    rows = [
        {"name": "Gate", "connection_string": "rtsp://u:an0ther-secret@10.0.0.6/b"},
        {"name": "New", "site": "Harbour", "connection_string": URL},
        {"name": "New 2", "connection_string": URL},
    ]

    plan = upload(anna, json.dumps(rows))

    text = plan.content.decode()
    assert [secret for secret in SECRETS if secret in text] == []
    assert "rtsp://u:***@10.0.0.6/b" in text
    assert "A new site is made: Harbour." in text
    assert "no-store" in plan["Cache-Control"]
    assert Camera.objects.count() == 1
    assert [secret for secret in SECRETS if secret in str(dict(anna.session))] == []

    stored = anna.post(IMPORT, form_of(plan, "confirm_form"), follow=True)

    assert "2 cameras created, 1 changed." in stored.content.decode()
    assert sorted(Camera.objects.values_list("name", "address")) == [
        ("Gate", "10.0.0.6:554"), ("New", "10.0.0.5:554"), ("New 2", "10.0.0.5:554"),
    ]  # fmt: skip
    assert set(Change.objects.filter(by="user:anna").values_list("via", flat=True)) == {"admin"}


REFUSED = f"name,connection_string\nGood,{URL}\nBad,http://u:an0ther-secret@h/p\n,{URL}\n"


def test_a_plan_with_refused_rows_names_row_field_and_reason_and_stores_nothing_unless_told_to(
    anna: Client,
) -> None:
    page = upload(anna, REFUSED, "a.csv")

    text = page.content.decode()
    assert text.index("connection_string") < text.index("Its scheme is not supported")
    assert "Must not be empty." in text
    assert "an0ther-secret" not in text
    assert "Leave the refused rows out" in text
    again = anna.post(IMPORT, form_of(page, "confirm_form"))
    assert "say whether the refused rows are left out" in shown_messages(again)
    assert Camera.objects.count() == 0

    stored = anna.post(IMPORT, form_of(again, "confirm_form") | {"skip_refused": "on"}, follow=True)

    assert "1 camera created, 0 changed, 2 rows left out." in stored.content.decode()
    assert list(Camera.objects.values_list("name", flat=True)) == ["Good"]


def test_refused_rows_are_downloaded_with_their_reasons_by_whoever_saw_the_plan(anna: Client) -> None:
    data = form_of(upload(anna, REFUSED, "a.csv"), "confirm_form") | {"refused": "1"}

    file = anna.post(IMPORT, data)

    assert file["Content-Disposition"] == 'attachment; filename="refused-cameras.csv"'
    assert "no-store" in file["Cache-Control"]
    lines = file.content.decode().splitlines()
    assert lines[0].endswith("name,connection_string,refused_line,refused_because")
    assert [line.split(",")[2] for line in lines[1:]] == ["3", "4"]
    assert "Bad,http://u:an0ther-secret@h/p" in lines[1]
    assert "not yours" in shown_messages(sign_in("administrator", name="berta").post(IMPORT, data))
    assert Camera.objects.count() == 0


def test_a_plan_of_refused_rows_alone_offers_nothing_to_store(anna: Client) -> None:
    page = upload(anna, "name,connection_string\n" + "Bad,rtsp://\n" * 10_000, "a.csv")

    text = page.content.decode()
    assert ("Store" in text, "skip_refused" in text, "Download the refused rows" in text) == (False, False, True)
    assert "and 9900 more" in text
    file = anna.post(IMPORT, form_of(page, "confirm_form") | {"refused": "1"})
    assert file.content.count(b"Stands in the file more than once") == 10_000


def test_what_an_export_leaves_out_is_told_on_the_next_page(anna: Client) -> None:
    for number in range(12):
        make_camera(f"Empty <b>{number:02}", connection_string="rtsp://admin:@10.0.0.9/a")

    anna.post(EXPORT, {"format": "mediamtx", "with_credentials": "on"})
    text = anna.get(LIST).content.decode()

    assert "12 cameras or zones are not in the file" in text
    assert "Empty &lt;b&gt;00, Empty &lt;b&gt;01" in text
    assert "&lt;b&gt;10" not in text.partition("which says why")[2].partition("…")[0]


def test_a_plan_that_no_longer_fits_is_shown_anew_and_stores_nothing(anna: Client) -> None:
    rows = json.dumps([{"name": "New", "connection_string": URL}])
    plan = upload(anna, rows)
    make_camera("New", notes="theirs")

    again = anna.post(IMPORT, form_of(plan, "confirm_form"))

    assert "Cameras have changed since this plan was made" in shown_messages(again)
    assert "There is nothing to do" in again.content.decode()
    assert Camera.objects.get().notes == "theirs"


def test_confirming_twice_stores_once(anna: Client) -> None:
    data = form_of(upload(anna, json.dumps([{"name": "New", "connection_string": URL}])), "confirm_form")

    for _ in range(2):
        anna.post(IMPORT, data)

    assert Camera.objects.count() == 1


@pytest.mark.parametrize("spoilt", ["old", "another's", "nonsense"])
def test_a_file_comes_back_only_from_whom_it_was_shown_to_and_for_an_hour(anna: Client, spoilt: str) -> None:
    data = form_of(upload(anna, json.dumps([{"name": "New", "connection_string": URL}])), "confirm_form")
    client = sign_in("administrator", name="berta") if spoilt == "another's" else anna
    if spoilt == "nonsense":
        data["sealed"] = "gAAAAA\0é"
    later = timezone.now() + timedelta(minutes=61 if spoilt == "old" else 1)

    with time_machine.travel(later):
        page = client.post(IMPORT, data)

    assert "not yours" in shown_messages(page)
    assert (page.status_code, page["Location"]) == (302, IMPORT)
    assert Camera.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "a.csv", "empty"),
        (b"\x89PNG\0", "a.csv", "not text in UTF-8"),
        (b"name,colour\nA,red\n", "a.csv", "unknown columns: “colour”"),
        (b"a: &a [*a]\n", "a.yml", "names no anchor"),
        (b"x" * (MAX_UPLOAD_BYTES + 1), "a.csv", "larger than 3 MiB"),
    ],
    ids=["empty", "binary", "columns", "bomb", "large"],
)
def test_a_file_that_is_none_is_told_at_its_field(anna: Client, content: bytes, name: str, said: str) -> None:
    page = upload(anna, content, name)

    assert said in str(page.context["form"].errors["file"])


def test_a_frigate_configuration_goes_to_the_site_that_is_chosen(anna: Client) -> None:
    site = make_site("Harbour")
    config = "cameras:\n  yard:\n    friendly_name: Hof\n    ffmpeg:\n      inputs:\n        - path: rtsp://10.0.0.9/a\n"

    plan = upload(anna, config, "config.yml", site=str(site.pk))
    anna.post(IMPORT, form_of(plan, "confirm_form"))

    camera = Camera.objects.get()
    assert (camera.name, camera.site, camera.desired_state) == ("Hof", site, "stopped")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_file_says_is_only_text_on_its_plan(anna: Client, hostile: str) -> None:
    rows = [
        {"name": hostile, "connection_string": URL, "location": hostile, "site": hostile, hostile: 1},
        {"name": "ok", "connection_string": URL, "notes": "<b>x</b>", "model_config": {"a": "<i>"}},
    ]

    text = upload(anna, json.dumps(rows)).content.decode()

    for markup in ("<script>alert", "<img src=x", "<b>x", "<i>"):
        assert markup not in text


# --- Who may ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "may_import", "may_reveal"),
    [("viewer", False, False), ("operator", False, False), ("administrator", True, True)],
)
def test_each_role_sees_and_reaches_what_it_may(group: str, may_import: bool, may_reveal: bool) -> None:
    make_camera("Gate")
    client = sign_in(group, name="somebody")

    page = client.get(LIST).content.decode()
    form = client.get(EXPORT).content.decode()

    assert (f'"{IMPORT}"' in page, f'"{EXPORT}"' in page) == (may_import, True)
    assert client.get(IMPORT).status_code == (200 if may_import else 403)
    assert upload(client, "[]").status_code == (200 if may_import else 403)
    assert ("with_credentials" in form, "frigate" in form) == (may_reveal, may_reveal)
    sent = client.post(EXPORT, {"format": "json", "site": "", "with_credentials": "on"})
    assert (SECRET in sent.content.decode()) == may_reveal
    assert AuditEntry.objects.filter(action=exports.REVEALED).count() == int(may_reveal)
    assert (
        SECRET in client.post(EXPORT, {"format": "go2rtc", "with_credentials": "on"}).content.decode()
    ) == may_reveal


@pytest.mark.parametrize("target", list(Format))
def test_an_export_is_a_download_that_no_cache_keeps(anna: Client, target: Format) -> None:
    make_camera("Gate", site=make_site("Harbour"))
    make_camera("Elsewhere")
    site = str(Camera.objects.get(name="Gate").site_id)

    file = anna.post(EXPORT, {"format": target.value, "site": site, "with_credentials": "on"})

    assert file["Content-Disposition"].startswith('attachment; filename="cameras.')
    assert "no-store" in file["Cache-Control"]
    assert SECRET in file.content.decode()
    assert "lsewhere" not in file.content.decode()


def test_an_export_that_makes_no_sense_is_told_on_the_form(anna: Client) -> None:
    make_camera("Gate")

    page = anna.post(EXPORT, {"format": "frigate", "site": ""})
    Camera.objects.update(sealed_connection="broken")
    unreadable = anna.post(EXPORT, {"format": "csv", "site": "", "with_credentials": "on"})

    assert "of no use without the connection strings" in page.content.decode()
    assert "FIELD_ENCRYPTION_KEYS" in unreadable.content.decode()
    assert anna.post(EXPORT, {"format": "csv", "site": ""})["Content-Type"].startswith("text/csv")


def test_no_page_is_had_without_signing_in() -> None:
    for url in (IMPORT, EXPORT):
        assert Client().get(url).status_code == 302
        assert Client().post(url, {"format": "csv"}).status_code == 302
