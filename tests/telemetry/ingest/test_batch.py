"""Reading batches: an item at fault is refused alone, and no body takes longer to read than its length explains."""

import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.problems import Problem
from telemetry.ingest.batch import MAX_BATCH_ITEMS, read_batch

CAMERA = "0b8f1f6a-7f0d-4c39-9c0a-3f6f5b9f2a11"


def item(**values: object) -> str:
    return json.dumps(
        {"camera_id": CAMERA, "timestamp": "2026-01-01T00:00:00Z", "occupancy": 5, "confidence": 0.5} | values
    )


AT_FAULT = {
    "not a number": item(occupancy=float("nan")),
    "infinity": item(confidence=float("inf")),
    "deep": item(extra=0)[:-2] + "[" * 3_000 + "]" * 3_000 + "}",
    "lone surrogate": item(zone="x")[:-2] + '\\ud800"}',
    "key twice": item()[:-1] + ', "occupancy": 6}',
    "key twice, spelt another way": item()[:-1] + ', "occup\\u0061ncy": 6}',
    "key twice, beside a number that is too long": item()[:-1] + f', "occupancy": 6, "x": {"1" * 5_000}}}',
    "a comma and brackets in a string": item(zone='],[{"'),
    "no object": "7",
    "word": "nonsense",
    "nothing": "",
    "closed wrongly": "[1}",
}


@pytest.mark.parametrize(
    ("name", "ndjson"),
    # To NDJSON a line without text is no item.
    [(name, ndjson) for name in AT_FAULT for ndjson in (False, True) if AT_FAULT[name] or not ndjson],
)
def test_an_item_at_fault_is_refused_alone(name: str, ndjson: bool) -> None:
    items = [item(), AT_FAULT[name], item(occupancy=7)]
    body = "\n".join(items) if ndjson else f" [{','.join(items)}]\n"

    batch = read_batch(body.encode(), ndjson=ndjson)

    assert [event.occupancy for event in batch.events] == [5, 7]
    assert (list(batch.indexes), [error.place for error in batch.errors], batch.size) == ([0, 2], [1], 3)
    assert batch.events[0].camera_id == UUID(CAMERA)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[]", 400),
        ("[ ]", 400),
        ("{}", 400),
        ("", 400),
        ("null", 400),
        (f"[{item()}", 400),  # cut off: nothing of it is stored
        (f"[{item()},", 400),
        (f"[{item()}] 1", 400),
        (f"[{item()}]]", 400),
        ("[" + '"' * 999_999, 400),
        ("[" * 2_000_000, 400),
        ("[" + "," * (MAX_BATCH_ITEMS + 1) + "]", 413),
        (f"[{item()}{(',' + item()) * MAX_BATCH_ITEMS}]", 413),
        ("x" * 2_097_153, 413),
    ],
)
def test_a_body_that_is_no_array_is_refused_as_a_whole(body: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        read_batch(body.encode(), ndjson=False)

    assert caught.value.status == status


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"x":', "}")])
def test_an_item_nested_too_deeply_is_refused_alone_whichever_reader_finds_it(opened: str, closed: str) -> None:
    for depth in range(700, 1_050):  # the depth that each reader accepts depends on how deep the stack is already
        deep = item()[:-1] + f', "\\u0078": {opened * depth}1{closed * depth}}}'

        batch = read_batch(f"{item()}\n{deep}".encode(), ndjson=True)

        assert batch.indexes[0] == 0
        assert len(batch.events) + len(batch.errors) == batch.size == 2


def test_an_item_on_several_lines_is_not_one_of_ndjson() -> None:
    broken = item().replace(", ", ",\n", 1)

    batch = read_batch(f"{item()}\r\n\n{broken}\n".encode(), ndjson=True)

    assert (len(batch.events), len(batch.errors), batch.size) == (1, 2, 3)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_give_a_batch_or_a_problem(body: bytes, ndjson: bool) -> None:
    try:
        batch = read_batch(body, ndjson=ndjson)
    except Problem:
        return
    assert len(batch.events) + len(batch.errors) == batch.size > 0


@given(st.lists(st.sampled_from([item(), *AT_FAULT.values()]), min_size=1, max_size=8))
def test_reading_item_by_item_finds_what_reading_at_once_finds(items: list[str]) -> None:
    if not any(text.strip() for text in items):
        items = [item()]
    body = f"[{','.join(items)}]".encode()

    batch = read_batch(body, ndjson=False)

    good = [place for place, text in enumerate(items) if text == item()]
    assert (list(batch.indexes), batch.size) == (good, len(items))


MEMBERS = [
    '"zone": "a"',
    '"zone": null',
    '"generation": 3',
    '"epoch": 3',
    '"worker": "w"',
    '"worker": null',
    '"occupancy": 7',
    '"\\u007aone": "b"',
    '"x": "zone"',
    '"y": {"occupancy": "z"}',
    '"y": [["zone", 1]]',
]


@given(st.lists(st.lists(st.sampled_from(MEMBERS), max_size=3), min_size=1, max_size=4), st.booleans())
def test_no_member_is_passed_over_in_silence(extra: list[list[str]], ndjson: bool) -> None:
    items = [", ".join([item()[:-1], *members]) + "}" for members in extra]
    body = "\n".join(items) if ndjson else f"[{','.join(items)}]"

    batch = read_batch(body.encode(), ndjson=ndjson)

    pairs = [json.loads(text, object_pairs_hook=list) for text in items]
    names = [[name for name, _ in members] for members in pairs]
    known = {"camera_id", "timestamp", "occupancy", "confidence", "zone", "generation", "epoch", "worker"}
    at_fault = {
        place for place, each in enumerate(names) if any(each.count(name) > 1 for name in known & set(each))
    }
    assert at_fault <= {error.place for error in batch.errors}
    assert batch.ignored == tuple(
        dict.fromkeys(name for place in batch.indexes for name in names[place] if name not in known)
    )
