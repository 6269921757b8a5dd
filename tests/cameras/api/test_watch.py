"""The long poll of the feed: many waiters, no thread and no connection each."""

import asyncio
import time
from typing import Any

import pytest
from django.db import connection

from cameras.api import poller, watch
from cameras.change_feed import current_cursor
from tests.asgi_client import AsgiClient
from tests.factories import make_camera, make_site, make_token
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def waiters() -> int:
    """How many wait for a change in the loop that asks."""
    return watch._of_this_loop().watchers


def ask(asgi: AsgiClient, query: str, secret: str | None) -> Any:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return asgi.request("GET", f"/cameras/changes{query}", headers=headers)


def test_without_wait_it_answers_as_the_view_does(asgi: AsgiClient) -> None:
    make_camera("Gate")
    secret = make_token("viewer")

    answer = ask(asgi, "?since=0", secret)

    assert answer.status_code == 200
    assert [change["name"] for change in answer.json()["changes"]] == ["Gate"]
    assert ask(asgi, "?since=0", None).status_code == 401
    assert ask(asgi, "?since=0", make_token("worker")).status_code == 403
    assert ask(asgi, "?since=x", secret).status_code == 400
    assert ask(asgi, "?since=000000000000-1", secret).status_code == 410


def test_five_hundred_waiters_are_notified_of_one_change_without_a_thread_each(asgi: AsgiClient) -> None:
    cursor = current_cursor()
    everybody = [{"Authorization": f"Bearer {make_token('orchestrator')}"} for _ in range(5)]

    async def wait_all() -> Any:
        waits = [
            asyncio.create_task(asgi.answer("GET", f"/cameras/changes?since={cursor}&wait=30", [b""], headers))
            for headers in everybody
            for _ in range(100)
        ]
        await until(lambda: waiters() == 500, seconds=30)
        assert not any(task.done() for task in waits)
        make = asyncio.to_thread(_make_camera_and_close, "Gate")
        await make
        return await asyncio.wait_for(asyncio.gather(*waits), timeout=20)

    answers = asgi.run(wait_all())

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["changes"][0]["name"] == "Gate"


def _make_camera_and_close(name: str, **values: Any) -> None:
    make_camera(name, **values)
    connection.close()


def test_a_wait_ends_empty_at_its_time_and_hidden_changes_do_not_end_it(asgi: AsgiClient) -> None:
    mine, other = make_site("Mine"), make_site("Other")
    secret = make_token("viewer", mine)
    headers = {"Authorization": f"Bearer {secret}"}
    cursor = current_cursor()

    async def wait() -> Any:
        waiting = asyncio.create_task(
            asgi.answer("GET", f"/cameras/changes?since={cursor}&wait=2", [b""], headers)
        )
        await until(lambda: waiters() == 1)
        await asyncio.to_thread(_make_camera_and_close, "hidden", site=other)
        return await waiting

    started = time.monotonic()
    body = asgi.run(wait()).json()

    assert time.monotonic() - started >= 1.9
    assert (body["changes"], body["more"]) == ([], False)
    assert body["next"] == str(current_cursor())


def test_more_waiters_than_the_cap_are_asked_to_come_back(
    asgi: AsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "MAX_WATCHERS", 0)

    answer = ask(asgi, f"?since={current_cursor()}&wait=5", make_token("viewer"))

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_a_person_who_is_signed_in_may_wait_too(asgi: AsgiClient, django_user_model: Any, client: Any) -> None:
    user = django_user_model.objects.create_superuser("ann", password="x")
    client.force_login(user)
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    answer = asgi.request("GET", "/cameras/changes?since=0", headers={"Cookie": cookie})

    assert answer.status_code == 200
    assert asgi.request("GET", "/cameras/changes?since=0", headers={"Cookie": "sessionid=x"}).status_code == 401


def test_who_may_come_in_no_more_learns_nothing_of_what_happened_while_they_waited(
    asgi: AsgiClient, django_user_model: Any, client: Any
) -> None:
    user = django_user_model.objects.create_superuser("ann", password="x")
    client.force_login(user)
    headers = {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())}
    path = f"/cameras/changes?since={current_cursor()}&wait=30"

    def change_after_disabling() -> None:
        django_user_model.objects.update(is_active=False)
        _make_camera_and_close("Gate")

    async def scenario() -> Any:
        waiting = asyncio.create_task(asgi.answer("GET", path, [b""], headers))
        await until(lambda: waiters() == 1)
        await asyncio.to_thread(change_after_disabling)
        return await asyncio.wait_for(waiting, timeout=20)

    answer = asgi.run(scenario())

    assert (answer.status_code, b"Gate" in answer.content) == (401, False)


def test_one_principal_waits_a_hundred_times_at_once_and_no_more_while_others_are_served(asgi: AsgiClient) -> None:
    greedy, other = ({"Authorization": f"Bearer {make_token('viewer')}"} for _ in range(2))
    path = f"/cameras/changes?since={current_cursor()}&wait=30"

    async def scenario() -> None:
        waits = [asyncio.create_task(asgi.answer("GET", path, [b""], greedy)) for _ in range(101)]
        (refused,), waiting = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        answer = refused.result()
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) >= 1
        assert answer["Connection"] == "close"
        assert "100 requests of yours" in answer.json()["detail"]
        assert len(waiting) == 100

        of_other = asyncio.create_task(asgi.answer("GET", path, [b""], other))
        at_once = await asgi.answer("GET", f"/cameras/changes?since={current_cursor_of_feed}", [b""], greedy)
        assert at_once.status_code == 200, "what is answered at once is no wait"
        await asyncio.to_thread(_make_camera_and_close, "Gate")
        answers = await asyncio.wait_for(asyncio.gather(of_other, *waiting), timeout=20)
        assert {answer.status_code for answer in answers} == {200}

    current_cursor_of_feed = current_cursor()
    asgi.run(scenario())
