"""A camera's credentials leave by one address, and by no other."""

import json
from typing import Any

import pytest

from cameras.models import Camera, Change
from controlplane.access.models import AuditEntry
from tests.factories import SECRET, URL, ApiClient, make_camera

pytestmark = pytest.mark.django_db


def listed(client: ApiClient, query: str = "") -> Any:
    return client.get(f"/cameras{query}").json()


def test_a_revealed_credential_is_audited_and_not_cached(orchestrator: ApiClient) -> None:
    camera = make_camera()

    answer = orchestrator.get(f"/cameras/{camera.pk}/credentials")

    assert answer.json() == {"connection_string": URL, "generation": 1}
    assert answer["Cache-Control"] == "no-store, no-transform"
    assert answer["ETag"] == orchestrator.get(f"/cameras/{camera.pk}")["ETag"]
    entry = AuditEntry.objects.get(action="credentials.revealed")
    assert (entry.by, entry.object_id) == ("token:orchestrator", str(camera.pk))


def test_an_unreadable_credential_is_a_409_on_that_camera_alone(administrator: ApiClient) -> None:
    broken, sound = make_camera("broken"), make_camera("sound")
    Camera.objects.filter(pk=broken.pk).update(sealed_connection=sound.sealed_connection)

    assert administrator.get(f"/cameras/{broken.pk}/credentials").status_code == 409
    assert administrator.get(f"/cameras/{sound.pk}/credentials").status_code == 200
    assert administrator.get(f"/cameras/{broken.pk}").status_code == 200
    assert len(listed(administrator)) == 2
    mended = administrator.patch(f"/cameras/{broken.pk}", {"connection_string": URL})
    assert mended.status_code == 200
    assert administrator.get(f"/cameras/{broken.pk}/credentials").json()["connection_string"] == URL


def test_no_answer_holds_a_secret_except_the_credentials(
    administrator: ApiClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"rtsp://user:{SECRET}@10.0.0.5/live?token={SECRET}"
    created = administrator.post("/cameras", {"name": "Gate", "connection_string": url})
    path = f"/cameras/{created.json()['id']}"
    answers = [
        created,
        administrator.get(path),
        administrator.get("/cameras"),
        administrator.patch(path, {"connection_string": url.replace("/live", "/other")}),
        administrator.patch(path, {"connection_string": f"rtsp://user:{SECRET}@bad host/"}),
        administrator.post("/cameras", f'{{"connection_string": "{url}" "'.encode()),
        administrator.post("/cameras", {"connection_string": [url]}),
        administrator.get("/cameras/changes?since=0"),
        administrator.get(f"/cameras?search={SECRET}&nonsense={SECRET}"),
        administrator.get(f"/cameras?status={SECRET}&desired_state={SECRET}"),
        administrator.get("/schema"),
        administrator.get("/metrics"),
        administrator.get("/readyz"),
        administrator.delete(path),
    ]

    key = f"rtsp://admin:{SECRET}@h/x"
    for body in (
        f'{{"{key}": NaN}}',
        f'{{"{key}": 1, "{key}": 2}}',
        f'{{"{key}": "\\u0000"}}',
        f'{{"model_config": {{"{key}": {{"a": 1, "a": 2}}}}}}',
        json.dumps({"zone_config": {"type": "Feature", "properties": {"name": key}, "geometry": None}}),
        json.dumps({key: 1}),
    ):
        refused = administrator.post("/cameras", body.encode())
        assert refused.status_code == 400
        answers.append(refused)
    for answer in answers:
        assert SECRET not in answer.content.decode(), answer.status_code
    assert SECRET not in json.dumps(list(Change.objects.values()), default=str)
    assert SECRET not in json.dumps(list(AuditEntry.objects.values()), default=str)
    assert SECRET not in caplog.text + "".join(capsys.readouterr())
