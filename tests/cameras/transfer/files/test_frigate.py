"""Frigate configurations in the shapes that its documentation shows, old and new; hosts and names are made up."""

from typing import Any

import pytest

from cameras import geometry, rtsp
from cameras.transfer.files import frigate
from cameras.transfer.files.rows import Row, UnreadableFile

VALUES = {"FRIGATE_RTSP_USER": "viewer", "FRIGATE_RTSP_PASSWORD": "p@ss/w#rd%", "FRIGATE_HOST": "cam.lan"}
PASSWORD = "p%40ss%2Fw%23rd%25"

DIRECT = "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: {path}\n          roles: [detect]\n"


def read(text: str) -> list[Row]:
    rows = frigate.read(text, VALUES)
    for row in rows:  # what is told passes the rules of the fields
        if not row.faults:
            rtsp.parse(row.values["connection_string"])
            geometry.canonical_zones(row.values.get("zone_config", {}))
    return rows


def read_one(text: str) -> Row:
    [row] = read(text)
    return row


def zones_of(row: Row) -> dict[str, Any]:
    assert row.faults == []
    features = geometry.canonical_zones(row.values["zone_config"])["features"]
    return {feature["id"]: feature["geometry"]["coordinates"][0] for feature in features}  # type: ignore[attr-defined]


# --- Where the pictures come from -------------------------------------------------------------------------

ADDRESSES = {
    "the least there can be": (
        "mqtt:\n  enabled: False\ncameras:\n  yard: # <--- changed later\n    enabled: False\n    ffmpeg:\n"
        "      inputs:\n        - path: rtsp://127.0.0.1:554/rtsp\n          roles:\n            - detect\n",
        "rtsp://127.0.0.1:554/rtsp",
    ),
    "detect beside record, with placeholders": (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n"
        "        - path: rtsp://{FRIGATE_RTSP_USER}:{FRIGATE_RTSP_PASSWORD}@10.9.8.7:554/live\n          roles:\n            - record\n"
        "        - path: rtsp://{FRIGATE_RTSP_USER}:{FRIGATE_RTSP_PASSWORD}@10.9.8.7:554/cam/realmonitor?channel=1&subtype=2\n"
        "          roles:\n            - audio\n            - detect\n          input_args: preset-rtsp-generic\n",
        f"rtsp://viewer:{PASSWORD}@10.9.8.7:554/cam/realmonitor?channel=1&subtype=2",
    ),
    "one input, the role left to Frigate": (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: rtsp://10.9.8.7/a\n          roles: [record]\n",
        "rtsp://10.9.8.7/a",
    ),
    "the single input of the first versions": (
        "cameras:\n  yard:\n    ffmpeg:\n      input: rtsp://10.9.8.7/a\n    take_frame: 1\n",
        "rtsp://10.9.8.7/a",
    ),
    "its own variables": (
        "environment_vars:\n  FRIGATE_PIN: '0815'\n" + DIRECT.format(path="'rtsp://u:{FRIGATE_PIN}@10.9.8.7/a'"),
        "rtsp://u:0815@10.9.8.7/a",
    ),
    "a placeholder in the host, and braces that are meant": (
        DIRECT.format(path="rtsp://u:a%7B@{FRIGATE_HOST}/{{"),
        "rtsp://u:a%7B@cam.lan/{",
    ),
    "a password as it is typed": (DIRECT.format(path='"rtsp://u:a/b#c?d@10.9.8.7/e"'), "rtsp://u:a%2Fb%23c%3Fd@10.9.8.7/e"),
    "an empty password": (DIRECT.format(path="rtsp://u:@10.9.8.7/e"), "rtsp://u:@10.9.8.7/e"),
    "options of go2rtc in the wrong place": (DIRECT.format(path='"rtsp://10.9.8.7/e#backchannel=0"'), "rtsp://10.9.8.7/e"),
    "a restream": (
        "go2rtc:\n  streams:\n    yard: # <- for RTSP streams\n      - rtsp://u:p@10.9.8.7:554/live0 # <- video and audio\n"
        '      - "ffmpeg:yard#audio=opus"\n' + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"),
        "rtsp://u:p@10.9.8.7:554/live0",
    ),
    "a restream as one text, after the camera": (
        DIRECT.format(path="rtsp://localhost:8554/yard_sub?video=copy&audio=aac")
        + "go2rtc:\n  streams:\n    yard_sub: rtsp://u:p@10.9.8.7:554/sub#backchannel=0#timeout=30\n",
        "rtsp://u:p@10.9.8.7:554/sub",
    ),
    "a restream by ffmpeg": (
        'go2rtc:\n  streams:\n    yard:\n      - "ffmpeg:rtsp://u:{FRIGATE_RTSP_PASSWORD}@10.9.8.7/live#video=copy#audio=aac"\n'
        + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"),
        f"rtsp://u:{PASSWORD}@10.9.8.7/live",
    ),
    "a restream of a restream": (
        "go2rtc:\n  streams:\n    raw: [rtsp://10.9.8.7/live]\n    copy: ['ffmpeg:raw#video=h264']\n"
        "    yard: ['rtsp://127.0.0.1:8554/copy']\n" + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"),
        "rtsp://10.9.8.7/live",
    ),
    "a restream with a sign-in and another port": (
        "go2rtc:\n  rtsp: {listen: ':8555', username: a, password: b}\n  streams: {yard: rtsp://10.9.8.7/live}\n"
        + DIRECT.format(path="rtsp://a:b@127.0.0.1:8555/yard"),
        "rtsp://10.9.8.7/live",
    ),
    "another Frigate's restream": (DIRECT.format(path="rtsp://10.0.0.1:8554/yard"), "rtsp://10.0.0.1:8554/yard"),
    "a doorbell over HTTP, with RTSP for its speaker": (
        'go2rtc:\n  streams:\n    yard:\n      - "ffmpeg:http://10.9.8.7/flv?port=1935&user=u&password={FRIGATE_UNSET}#video=copy"\n'
        "      - rtsp://10.9.8.7/Preview_01_sub\n" + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"),
        "rtsp://10.9.8.7/Preview_01_sub",
    ),
    "UniFi": (
        "go2rtc:\n  streams:\n    yard:\n      - rtspx://192.168.1.1:7441/abcdefghijk\n"
        + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"),
        "rtsps://192.168.1.1:7441/abcdefghijk",
    ),
    "the restream role of 0.12": (
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - path: rtsp://127.0.0.1:8554/yard\n          roles: [record, detect]\n"
        "        - path: rtsp://10.9.8.7:554/live0\n          roles:\n            - restream\n",
        "rtsp://10.9.8.7:554/live0",
    ),
    "anchors, a merge, odd indents, tabs before comments": (
        "x: &roles\n- detect\ny: &cam\n    ffmpeg:\n          inputs:\n          - {path: rtsp://10.9.8.7/a, roles: *roles}\n"
        "cameras:\n\t# the yard\n    yard:\n      <<: *cam\n\t\n      enabled: true\t# on\n",
        "rtsp://10.9.8.7/a",
    ),
    "what only Frigate understands, passed over": (
        "version: 0.17-0\nmqtt:\n  user: {FRIGATE_MQTT_USER}\n  password: !secret mqtt\n  token: {{X}}\n"
        "record: {retain: {days: 7}}\nui: 12:30\n"
        + DIRECT.format(path="rtsp://10.9.8.7/a")
        + "    detect:\n      width: # <- found out\n      height:\n      fps: 5\n    motion:\n      mask: 0,461,3,0,1919,0\n"
        "    onvif: {host: 10.9.8.7, password: '{FRIGATE_UNSET}'}\n    profiles: {away: {enabled: false}}\n",
        "rtsp://10.9.8.7/a",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_configuration_imports_without_a_hand_s_touch(text: str, address: str) -> None:
    row = read_one(text)

    assert (row.faults, row.remarks, row.values["name"]) == ([], [], "yard")
    assert rtsp.parse(row.values["connection_string"]).normalised == address


@pytest.mark.parametrize(
    "streams",
    [
        '{yard: "ffmpeg:http://10.9.8.7/flv?user=u&password=p#video=h264#hardware"}',
        '{yard: ["exec:ffmpeg -i /media/x.mp4 -f rtsp {{output}}", "ffmpeg:yard#audio=opus"]}',
        '{yard: ["ffmpeg:other"], other: ["ffmpeg:yard"]}',
        pytest.param(
            "{yard: n0, " + ", ".join(f"n{n}: n{n + 1}" for n in range(3_000)) + "}", id="a long way round"
        ),
        "{another: rtsp://10.9.8.7/a}",
        "",
    ],
)
def test_a_restream_without_an_rtsp_source_keeps_its_own_address_and_says_so(streams: str) -> None:
    row = read_one(f"go2rtc:\n  streams: {streams}\n" + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"))

    assert row.values["connection_string"] == "rtsp://127.0.0.1:8554/yard"
    assert "127.0.0.1" in row.remarks[0]


def test_another_input_stands_in_for_one_over_http_and_the_plan_says_so() -> None:
    row = read_one(
        "cameras:\n  yard:\n    ffmpeg:\n      inputs:\n        - {path: 'http://10.9.8.7/flv', roles: [detect]}\n"
        "        - {path: 'rtsp://10.9.8.7/main', roles: [record]}\n"
    )

    assert row.values["connection_string"] == "rtsp://10.9.8.7/main"
    assert "another one was taken" in row.remarks[0]


@pytest.mark.parametrize(
    ("camera", "field", "told"),
    [
        ("ffmpeg: {inputs: [{path: 'rtsp://u:{FRIGATE_NONE}@h/p'}]}", "ffmpeg.inputs[0].path", "{FRIGATE_NONE}"),
        ("ffmpeg: {inputs: [{path: 'rtsp://u:{PASSWORD}@h/p'}]}", "ffmpeg.inputs[0].path", "{PASSWORD}"),
        ("ffmpeg: {inputs: [{path: 'rtsp://u:{hunter-2 !}@h/p'}]}", "ffmpeg.inputs[0].path", "in braces"),
        ("ffmpeg: {inputs: [{path: 'rtsp://u:a{b@h/p'}]}", "ffmpeg.inputs[0].path", "single brace"),
        ("ffmpeg: {inputs: [{path: !secret url}]}", "ffmpeg.inputs[0].path", "reference"),
        ("ffmpeg: {inputs: [{path: {FRIGATE_HOST}}]}", "ffmpeg.inputs[0].path", "quotes"),
        ("ffmpeg: {inputs: [{path: 'http://h/flv', roles: [detect]}]}", "ffmpeg.inputs[0].path", "rtsp://"),
        ("ffmpeg: {inputs: [{path: 'rtsp://h/a', roles: [detect]}, {path: 'rtsp://h/b', roles: [detect]}]}", "ffmpeg.inputs", "More than one"),
        ("ffmpeg: {inputs: []}", "ffmpeg.inputs", "no input"),
        ("ffmpeg: ...", "ffmpeg.inputs", "list"),
        ("enabled: perhaps", "enabled", "true or false"),
        ("friendly_name: [a]", "friendly_name", "text"),
    ],
)  # fmt: skip
def test_what_cannot_be_resolved_is_refused_by_name(camera: str, field: str, told: str) -> None:
    row = read_one(f"cameras:\n  yard:\n    {camera}\n")

    assert field in [fault.field for fault in row.faults]
    assert told in " ".join(fault.detail for fault in row.faults)
    assert "hunter" not in str(row.faults)


@pytest.mark.parametrize(
    ("said", "desired_state"),
    [("", None), ("enabled: True", "running"), ("enabled: yes", "running"), ("enabled: off", "stopped"), ("enabled:", None)],
)  # fmt: skip
def test_a_camera_runs_only_where_the_file_says_so(said: str, desired_state: str | None) -> None:
    row = read_one(DIRECT.format(path="rtsp://h/p") + f"    {said}\n")

    assert row.values.get("desired_state") == desired_state


@pytest.mark.parametrize(
    ("key", "said", "name"),
    [
        ("front_door", "", "front_door"),
        ("front_door", "friendly_name: Vordertür №1", "Vordertür №1"),
        ("front_door", "friendly_name: ''", "front_door"),
        ("on", "", "on"),
        ("007", "", "007"),
        ("12:30", "", "12:30"),
    ],
)
def test_a_camera_is_called_by_its_friendly_name_else_by_its_key(key: str, said: str, name: str) -> None:
    assert read_one(DIRECT.replace("yard", key).format(path="rtsp://h/p") + f"    {said}\n").values["name"] == name


# --- Zones ------------------------------------------------------------------------------------------------

TRIANGLE = [[0.1, 0.2], [0.9, 0.2], [0.5, 0.75], [0.1, 0.2]]


@pytest.mark.parametrize(
    "coordinates",
    [
        "0.1,0.2,0.9,0.2,0.5,0.75",
        '" 0.1, 0.2, 0.9, 0.2, 0.5, 0.75, "',
        "['0.1,0.2', '0.9,0.2', '0.5,0.75']",
        "\n          - 0.1,0.2\n          - 0.9,0.2\n          - 0.5,0.75",
        "[0.1, 0.2, 0.9, 0.2, 0.5, 0.75]",
        "[[0.1, 0.2], [0.9, 0.2], [0.5, 0.75]]",
        "128,144,1152,144,640,540",
        "['128,144', '1152,144', '640,540']",
        "\n          - 128,144\n          - 1152,144\n          - 640,540",
        "1e-1,2.0e-1,.9,0.20,0.50,0.75",
    ],
)
@pytest.mark.parametrize("size_at", ["camera", "top"])
def test_every_notation_of_a_zone_comes_to_the_same(coordinates: str, size_at: str) -> None:
    detect = "detect: {width: 1280, height: 720}\n"
    text = DIRECT.format(path="rtsp://h/p") + f"    zones:\n      steps:\n        coordinates: {coordinates}\n"
    row = read_one(text + "    " + detect if size_at == "camera" else detect + text)

    assert zones_of(row) == {"steps": TRIANGLE}
    assert row.values["zone_config"]["frame"] == {"width": 1280, "height": 720}


def test_pixels_stay_pixels_where_nothing_tells_the_size_of_the_picture() -> None:
    text = DIRECT.format(path="rtsp://h/p") + "    zones: {a: {coordinates: '0,461,3,0,1919,0'}}\n"

    row = read_one(text)

    assert zones_of(row) == {"a": [[0, 461], [3, 0], [1919, 0], [0, 461]]}
    assert row.values["zone_config"]["units"] == "pixels"


def test_pixels_of_another_picture_than_detect_s_stay_pixels_and_the_plan_says_so() -> None:
    """As in the reference of 0.12, whose example has a zone below its own picture."""
    row = read_one(
        "detect: {width: 1280, height: 720}\n"
        + DIRECT.format(path="rtsp://h/p")
        + "    zones:\n      front_steps:\n        coordinates: 545,1077,747,939,788,805\n"
    )

    assert zones_of(row) == {"front_steps": [[545, 1077], [747, 939], [788, 805], [545, 1077]]}
    assert row.values["zone_config"].keys() == {"type", "units", "features"}
    assert "1280 by 720" in row.remarks[0]


def test_a_zone_keeps_its_key_and_its_friendly_name_and_one_that_is_off_is_left_out() -> None:
    row = read_one(
        DIRECT.format(path="rtsp://h/p")
        + "    zones:\n"
        + "      steps: {friendly_name: Vordere Stufen, coordinates: '0,0,1,0,1,1', objects: [person], inertia: 3}\n"
        + "      Front Yard: {coordinates: '0,0,1.004,0,1,1.0', loitering_time: 4, distances: '1,2,3,4'}\n"
        + "      old: {enabled: false, coordinates: '0.1'}\n"
    )

    features = geometry.canonical_zones(row.values["zone_config"])["features"]
    assert [(one["id"], one["properties"]["name"]) for one in features] == [  # type: ignore[attr-defined]
        ("steps", "Vordere Stufen"),
        ("front-yard", "Front Yard"),
    ]
    assert ["“old”" in remark for remark in row.remarks] == [True]


@pytest.mark.parametrize(
    ("coordinates", "told"),
    [
        ("0.1,0.2,0.9,0.2", "2 points"),
        ("0.1,0.2,0.9,0.2,0.5", "an x has no y"),
        ("0.1,0.2,0.9,0.2,0.5,...", "numbers with commas"),
        ("nan,0.2,0.9,0.2,0.5,0.1", "numbers with commas"),
        ("{a: 1}", "numbers with commas"),
        ("", "Is required"),
    ],
)
def test_a_zone_that_is_none_is_refused_by_its_name(coordinates: str, told: str) -> None:
    zones = f"    zones:\n      steps:\n        coordinates: {coordinates}\n"
    row = read_one(DIRECT.format(path="rtsp://h/p") + zones)

    assert [(fault.field, told in fault.detail) for fault in row.faults] == [("zones.steps.coordinates", True)]


def test_pixels_beside_parts_need_the_size_of_the_picture() -> None:
    zones = "    zones: {a: {coordinates: '0,461,3,0,1919,0'}, b: {coordinates: '0,0,1,0,1,1'}}\n"

    row = read_one(DIRECT.format(path="rtsp://h/p") + zones)

    assert [fault.field for fault in row.faults] == ["zones.a.coordinates"]


# --- The file as a whole ----------------------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB + "cameras: *i\n", "more than 1,000,000 values"),
        ("a: &a [*a]\ncameras: {}\n", "names no anchor"),
        pytest.param("cameras: " + "[" * 100_000, "nested deeper", id="nested"),
        ("cameras: {a: *hunter2}\n", "names no anchor"),
        ("cameras:\n  a: 1\n\tb: 2\n", "indented with a tab"),
        ("cameras:\n  yard: {}\n  yard: {}\n", "Line 3: the key “yard” stands here twice"),
        ("cameras:\n  - a\n", "no section “cameras”"),
        ("mqtt: {}\n", "no section “cameras”"),
        ("cameras: {}\n", "names no camera"),
        ("just a text", "no section “cameras”"),
        ("cameras: 'hunter2\n", "line 2"),
        ("cameras:\n  a: !!int hunter2\n", "type that its tag names"),
        ("a: @hunter2\n", "line 1"),
        ("a: %hunter2\n", "line 1"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_with_its_line_and_not_repeated(text: str, told: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        frigate.read(text, {})

    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_rows_carry_the_lines_on_which_they_stand() -> None:
    rows = read(
        "# a comment\ncameras:\n  a: {ffmpeg: {input: rtsp://h/a}}\n\n  b:\n    ffmpeg: {input: rtsp://h/b}\n"
    )

    assert [(row.number, row.values["name"]) for row in rows] == [(3, "a"), (5, "b")]
