"""Frigate configurations in the shapes that its documentation shows, old and new; hosts and names are made up."""

from typing import Any
from urllib.parse import unquote

import pytest
import shapely

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
        "      inputs:\n        - path: rtsp://10.9.8.7:554/rtsp\n          roles:\n            - detect\n",
        "rtsp://10.9.8.7:554/rtsp",
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
        DIRECT.format(path="rtsp://u:a{{@{FRIGATE_HOST}/{{"),
        "rtsp://u:a%7B@cam.lan/{",
    ),
    "a password as it is typed": (DIRECT.format(path='"rtsp://u:a/b#c?d@10.9.8.7/e"'), "rtsp://u:a%2Fb%23c%3Fd@10.9.8.7/e"),
    "a user whose password Frigate does not encode": (
        DIRECT.format(path='"rtsp://me@x.example:a%41b@10.9.8.7/e"'), "rtsp://me%40x.example:a%41b@10.9.8.7/e",
    ),
    "a password with a space, which Frigate does not encode": (
        DIRECT.format(path='"rtsp://u:a%41 b@10.9.8.7/e"'), "rtsp://u:a%41%20b@10.9.8.7/e",
    ),
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
    ("host", "found"),
    [
        ("ccab4aaf-frigate:8554", True),
        ("frigate.lan:8554", True),
        ("10.0.0.1:8554", True),
        ("127.0.0.1", True),
        ("localhost:554", True),
        ("10.0.0.1:8555", False),
        ("10.0.0.1", False),
    ],
)
def test_a_restream_by_another_name_of_its_machine_is_followed_and_the_plan_says_so(
    host: str, found: bool
) -> None:
    streams = "go2rtc:\n  streams:\n    yard: [rtsp://u:pw@10.7.0.2:554/main]\n"

    row = read_one(streams + DIRECT.format(path=f"rtsp://{host}/yard"))

    own = f"rtsp://{host}/yard"
    assert row.values["connection_string"] == ("rtsp://u:pw@10.7.0.2:554/main" if found else own)
    assert ["“yard”" in remark for remark in row.remarks] == [True] * found


def test_a_stream_that_comes_from_another_frigate_under_the_same_name_is_read_there() -> None:
    streams = "go2rtc:\n  streams:\n    yard: [rtsp://10.0.0.1:8554/yard]\n"

    row = read_one(streams + DIRECT.format(path="rtsp://127.0.0.1:8554/yard"))

    assert (row.values["connection_string"], row.remarks) == ("rtsp://10.0.0.1:8554/yard", [])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("rtsp://127.0.0.1:554/rtsp", "machine in the place of 127.0.0.1"),
        ("rtsp://localhost/yard", "machine in the place of 127.0.0.1"),
        ("rtsp://[::1]:8554/yard", "machine in the place of 127.0.0.1"),
        ("rtsp://frigate:8554/yard", "own network only"),
        ("rtsp://u:p@go2rtc:8554/yard", "own network only"),
    ],
)
def test_an_address_that_only_frigate_may_reach_is_remarked_on(address: str, told: str) -> None:
    row = read_one(DIRECT.format(path=address))

    assert row.values["connection_string"] == address
    assert [told in remark for remark in row.remarks] == [True]


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
        ("ffmpeg: !include ffmpeg.yml", "ffmpeg", "reference"),
        ("ffmpeg: {inputs: !include inputs.yml}", "ffmpeg.inputs", "reference"),
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


GOOD = "0,0,1,0,1,1"
BOW_TIE = "0.1,0.1,0.9,0.9,0.9,0.1,0.1,0.9"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("coordinates: '0.1,0.2,0.9,0.2'", "2 points"),
        ("coordinates: '0.1,0.2,0.9,0.2,0.5'", "an x has no y"),
        ("coordinates: '0.1,0.2,0.9,0.2,0.5,...'", "numbers with commas"),
        ("coordinates: 'nan,0.2,0.9,0.2,0.5,0.1'", "numbers with commas"),
        ("coordinates: '0.1,0.2,1e999,0.2,0.5,0.1'", "numbers with commas"),
        ("coordinates: {a: 1}", "numbers with commas"),
        ("coordinates: ", "no coordinates"),
        ("coordinates: '0.1,0.1,0.5,0.5,0.9,0.9'", "encloses no area"),
        ("coordinates: '1.2,1.2,1.5,1.2,1.5,1.5'", "are missing"),
        ("coordinates: '-0.5,-0.5,-0.2,-0.5,-0.2,-0.2'", "encloses no area"),
        ("coordinates: '0,461,3,0,1919,0'", "width and height"),
        pytest.param(
            f"coordinates: '{','.join(f'{x / 1000},{(x % 2) / 10 + 0.1}' for x in range(501))},1,1,0,1'",
            "500 points",
            id="points",
        ),
        ("!include zone.yml", "is no section"),
    ],
)
def test_a_zone_that_is_none_is_left_out_and_never_its_camera(zone: str, told: str) -> None:
    zone = zone if zone.startswith("!") else f"{{{zone}}}"
    zones = f"    zones:\n      steps: {zone}\n      good: {{coordinates: '{GOOD}'}}\n"
    row = read_one(DIRECT.format(path="rtsp://h/p") + zones)

    assert list(zones_of(row)) == ["good"]
    assert [("“steps”" in remark, told in remark) for remark in row.remarks] == [(True, True)]


@pytest.mark.parametrize("zones", ["[a]", "text", "!include zones.yml"])
def test_zones_that_are_no_section_are_left_out(zones: str) -> None:
    row = read_one(DIRECT.format(path="rtsp://h/p") + f"    zones: {zones}\n")

    assert zones_of(row) == {}
    assert "zones were left out" in row.remarks[0]


@pytest.mark.parametrize(
    ("coordinates", "area"),
    [
        (BOW_TIE, 0.16),  # one of its two triangles
        ("0.1,0.1,0.9,0.1,0.9,0.9,0.5,0.1,0.1,0.9", 0.16),  # touches itself
        ("0,0,0.6,0,0.6,0.6,0,0.6,0,0.3,0.9,0.3,0.9,0.2,0,0.2", 0.18),  # a handle across it
        ("-0.5,0,1,0,1,1,-0.5,1", 1),
        ("128,72,1152,648,1152,72,128,648", 0.16),
    ],
)
def test_a_zone_that_is_no_outline_is_mended_to_its_largest_part(coordinates: str, area: float) -> None:
    detect = "    detect: {width: 1280, height: 720}\n"
    zones = f"    zones: {{z: {{friendly_name: Zwei, coordinates: '{coordinates}'}}}}\n"
    row = read_one(DIRECT.format(path="rtsp://h/p") + detect + zones)

    assert shapely.Polygon(zones_of(row)["z"]).area == pytest.approx(area, abs=0.01)
    assert row.values["zone_config"]["features"][0]["properties"] == {"name": "Zwei"}
    assert ["largest part" in remark for remark in row.remarks] == [True]


def test_names_and_ids_that_cannot_be_stored_do_not_cost_a_zone() -> None:
    zones = "".join(
        f"      {key}: {{coordinates: '{GOOD}', friendly_name: {name}}}\n"
        for key, name in [("Steps", "A"), ("steps", "B"), ("door", '"a\\u202eb"'), ("'a:b'", "x" * 101)]
    )
    row = read_one(DIRECT.format(path="rtsp://h/p") + "    zones:\n" + zones)

    features = geometry.canonical_zones(row.values["zone_config"])["features"]
    assert [(one["id"], one["properties"]["name"]) for one in features] == [  # type: ignore[attr-defined]
        ("Steps", "A"), ("b", "B"), ("door", "door"), ("zone-4", "zone-4"),
    ]  # fmt: skip
    assert len(row.remarks) == 2


def test_a_camera_has_a_hundred_zones_at_the_most() -> None:
    zones = "".join(f"      z{number}: {{coordinates: '{GOOD}'}}\n" for number in range(102))
    row = read_one(DIRECT.format(path="rtsp://h/p") + "    zones:\n" + zones)

    assert len(zones_of(row)) == 100
    assert ["“z100”" in row.remarks[0], "“z101”" in row.remarks[1]] == [True, True]


def test_pixels_beside_parts_need_the_size_of_the_picture() -> None:
    zones = "    zones: {a: {coordinates: '0,461,3,0,1919,0'}, b: {coordinates: '0,0,1,0,1,1'}}\n"

    row = read_one(DIRECT.format(path="rtsp://h/p") + zones)

    assert (list(zones_of(row)), row.values["zone_config"]["units"]) == (["b"], "normalised")
    assert ["“a”" in remark and "width and height" in remark for remark in row.remarks] == [True]


# --- Versions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["width: 1280\n    height: 720", "detect: {width: '1280', height: '720'}"])
def test_the_size_of_the_picture_is_where_any_version_has_it(size: str) -> None:
    text = (
        DIRECT.format(path="rtsp://h/p")
        + f"    {size}\n    zones: {{z: {{coordinates: '128,144,1152,144,640,540'}}}}\n"
    )

    row = read_one("detect: {width: 9, height: 9}\n" + text)

    assert zones_of(row) == {"z": TRIANGLE}
    assert row.values["zone_config"]["frame"] == {"width": 1280, "height": 720}


def test_zones_beside_the_cameras_go_to_the_cameras_that_see_them() -> None:
    rows = read(
        "cameras:\n  front: {ffmpeg: {input: rtsp://h/a}, height: 1080, width: 1920}\n"
        f"  back: {{ffmpeg: {{input: rtsp://h/b}}, zones: {{own: {{coordinates: '{GOOD}'}}}}}}\n  side: {{ffmpeg: {{input: rtsp://h/c}}}}\n"
        "zones:\n  steps:\n    front:\n      coordinates: [545,1077, 747,939, 788,805]\n"
        f"    back:\n      coordinates: '{GOOD}'\n  yard: {{front: {{coordinates: '{GOOD}'}}}}\n"
    )

    assert [list(zones_of(row)) if "zone_config" in row.values else None for row in rows] == [
        ["steps", "yard"], ["steps", "own"], None,
    ]  # fmt: skip
    assert zones_of(rows[0])["steps"][0] == [
        pytest.approx(545 / 1920, abs=1e-6),
        pytest.approx(1077 / 1080, abs=1e-6),
    ]


@pytest.mark.parametrize(
    "of_before", ["ffmpeg: {input: 'PATH'}", "ffmpeg: {inputs: [{path: 'PATH'}]}\n    height: 720"]
)
def test_versions_that_encoded_no_password_read_it_as_part_of_a_url(of_before: str) -> None:
    text = "cameras:\n  yard:\n    " + of_before.replace("PATH", "rtsp://u:p%40ss@10.9.8.7/a") + "\n"

    row = read_one(text)

    assert (row.values["connection_string"], row.remarks) == ("rtsp://u:p%40ss@10.9.8.7/a", [])


# --- Passwords --------------------------------------------------------------------------------------------


def password_sent_for(text: str) -> str:
    user_info = rtsp.split(rtsp.parse(read_one(text).values["connection_string"]).normalised)[1]
    return unquote(user_info.removesuffix("@").partition(":")[2])


@pytest.mark.parametrize(
    "password",
    [
        "p@ss",
        "p%40ss",
        "a%41b",
        "50%off",
        "a+b",
        "a/b#c?d",
        "x@y@z",
        "p:w",
        "ü",
        "`~!@#$%^&*()-_;',.<>:\"",
        "+",
        "{{",
    ],
)
def test_under_inputs_a_password_is_what_stands_there(password: str) -> None:
    path = f"'rtsp://user:{password.replace(chr(39), chr(39) * 2)}@10.9.8.7/e'"
    by_variable = "'rtsp://user:{FRIGATE_PW}@10.9.8.7/e'"
    variable = "environment_vars:\n  FRIGATE_PW: '" + password.replace("'", "''") + "'\n"

    assert password_sent_for(DIRECT.format(path=path)) == password.replace("{{", "{")
    assert password_sent_for(variable + DIRECT.format(path=by_variable)) == password


@pytest.mark.parametrize(
    ("password", "sent"),
    [
        ("p%40ss", "p@ss"),
        ("p@ss%41", "p@ssA"),
        ("a+b", "a+b"),
        ("50%off", "50%off"),
        ("a{b}c", "a{b}c"),
        ("$PASSWORD", "$PASSWORD"),
    ],
)
def test_under_streams_a_password_is_part_of_a_url(password: str, sent: str) -> None:
    """Where it makes the URL none, go2rtc would not start it; then what was meant is clear."""
    variable = f"environment_vars:\n  FRIGATE_PW: '{password}'\n"
    streams = "go2rtc:\n  streams:\n    yard: ['rtsp://user:{FRIGATE_PW}@10.9.8.7/e']\n"

    assert password_sent_for(variable + streams + DIRECT.format(path="rtsp://127.0.0.1:8554/yard")) == sent


def test_a_password_that_looks_encoded_is_remarked_on_and_not_repeated() -> None:
    row = read_one(DIRECT.format(path="rtsp://user:hunter%402@10.9.8.7/e"))

    assert ["as it stands" in remark for remark in row.remarks] == [True]
    assert "hunter" not in row.remarks[0]


@pytest.mark.parametrize(
    "login",
    [
        "admin:{{ cam_password }}", "admin:{{cam_password}}", "{{ user }}:{{ password }}", "admin:<PASS>", "<user>:<pass>", "admin:<%= ENV['PW'] %>",
        "admin:[PASSWORD]", "$NAME:$Password", "admin:${PASSWORD}", "admin:$RTSP_PASSWORD", "{FRIGATE_RTSP_USER}:{{ pw }}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["input", "stream"])
def test_a_placeholder_of_another_program_is_refused_as_one(login: str, place: str) -> None:
    url = '"rtsp://' + login.replace('"', "'") + '@10.7.1.1:554/live"'
    streams = f"go2rtc:\n  streams:\n    yard: [{url}]\n"
    text = (
        DIRECT.format(path=url) if place == "input" else streams + DIRECT.format(path="rtsp://127.0.0.1:8554/yard")
    )

    row = read_one(text)

    assert [(fault.field, "placeholder" in fault.detail) for fault in row.faults] == [
        ("ffmpeg.inputs[0].path", True)
    ]


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
        ("cameras: !include_dir_merge_named cameras/\n", "is a reference (!…)"),
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
