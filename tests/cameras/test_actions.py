"""What each action does to rows and to the log."""

from datetime import timedelta

import pytest

from cameras import actions
from cameras.models import Change
from tests.factories import AUTHOR, NOW, make_camera

pytestmark = pytest.mark.django_db


def test_a_new_camera_is_stopped_and_logged() -> None:
    camera = make_camera("Gate")

    change = Change.objects.get()
    assert (camera.desired_state, camera.generation, camera.revision) == ("stopped", 1, change.revision)
    assert (change.kind, change.name, change.by, change.via) == ("created", "Gate", AUTHOR.label, AUTHOR.via)


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    camera = make_camera("Gate")

    again = actions.update_camera(
        camera_id=camera.pk, values={"name": "Gate"}, by=AUTHOR, now=NOW + timedelta(seconds=1)
    )

    assert again.updated_at == NOW
    assert Change.objects.count() == 1
