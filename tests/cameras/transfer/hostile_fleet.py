"""Two hundred cameras with whatever a name, a password, a path or a zone may hold that other programs stumble over."""

from itertools import cycle, islice
from typing import Any, NamedTuple
from urllib.parse import quote

from cameras import actions
from cameras.intent import InvalidIntent, clean_camera
from cameras.models import Camera
from tests.factories import AUTHOR, NOW, make_camera_of_before
from tests.hostile import HOSTILE_NAMES
from tests.programs import Request

SIZE = 200

NAMES = [
    *HOSTILE_NAMES, "All", "all", "all_others", "~^.*$", "~cam", "null", "true", "On", "no", "1", "007", "1e5", "0x1f", "1_000",
    ".inf", "12:30", "2024-01-01", "a/b", "/", "..", "../../etc/passwd", "a.b", "camera", "birdseye", "北门", "玄関", "Кухня", "🎥", "🚪 דלת",
    "Straße Ø Æ", "Süd Tor", "süd-tor", "SÜD_TOR", "x" * 200, "ü" * 200, "- a", "# comment", "a: b", "&a", "*a", "!secret", "%TAG", "@x", "`x`",
    "| x", "> x", "[a]", "{a}", "${HOME}", "{FRIGATE_USER}", "a\ufffeb", "a\uffffb", "'", '"', "\\", "\u00a0a\u2003b", "?", "=", "<<", "~",
]  # fmt: skip
USERS = ["u", "admin", "user_1-a", "me@corp.example", "a.b", "ü", "$NAME", "u:v", "u%41", "{u}", "u u"]
PASSWORDS: list[str | bytes | None] = [
    *(chr(code) for code in range(0x20, 0x7F) if chr(code) != "*"),  # an asterisk alone is a mask
    "p@ss", "p%40ss", "a%41b", "50%off", "%", "%%", "%25", "a+b c", "a/b#c?d", "x@y@z", "a:b", "a[0]", "p{w", "p}w", "{x}", "{{x}}", "{{ x }}",
    "a{b}c{{", "${X}", "${X:y}", "$X", "$NAME", "$Password", "$PASSWORD", "$G1", "pa$G1ss", "$MTX_QUERY", "<PASS>", "<%= x %>", "[PASSWORD]",
    "%PASSWORD%", "{FRIGATE_RTSP_PASSWORD}", "FRIGATE_X", "{input}", "rtsp", "rtsp://", "u", "密码", "🔑", b"\xe9t\xe9", "é", "***x", "a" * 900,
    "%" * 400, "", None, "'", '"', "\\", "\\{\\}", "a'b\"c`d", "#", "~!@#$%^&*()-_;',.<>:\"", "null", "007", "1e5", " x ",
]  # fmt: skip
PLACES = [
    ("10.0.0.5", None), ("10.0.0.5", 554), ("cam_01.lan", 8554), ("nvr", None), ("xn--kmera-2ta.example", 65535), ("[::1]", None),
    ("[2001:db8::5]", 7441), ("[fe80::1%25eth0]", None), ("[fe80::1%25eth0]", 8554), ("127.0.0.1", 554), ("localhost", 8554),
]  # fmt: skip
TAILS = [
    "", "/", "?x=1", "/cam/realmonitor?channel=1&subtype=0", "/live?mail=a@b", "/path@1/b%20c/d", "/a/{b", "/a%20b%7B%7D", "/x?y=$G1&z=$MTX_QUERY",
    "/p?src=rtsp://v:pw@10.0.0.6/y", "/u:p", "/live?x=[1]&y=%5Ba%5D", "//double//", "/" + "a" * 900, "/stra%C3%9Fe", "/x?a='b'&c=\"d\"", "/a;b=c,d",
]  # fmt: skip


class Sent(NamedTuple):
    """A connection string, and what every program has to ask for on behalf of it."""

    url: str
    request: Request


def sent(user: str, password: str | bytes | None, place: tuple[str, int | None], tail: str, scheme: str) -> Sent:
    host, port = place
    login, user_info = None, ""
    if password is not None:
        raw = password if isinstance(password, bytes) else password.encode()
        login = (user.encode(), raw)
        user_info = f"{quote(user, safe='')}:{quote(raw, safe='')}@"
    location = host if port is None else f"{host}:{port}"
    asked = Request(scheme, host.replace("%25", "%"), port or {"rtsp": 554, "rtsps": 322}[scheme], login, tail)
    return Sent(f"{scheme}://{user_info}{location}{tail}", asked)


def polygon(*points: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": [[list(point) for point in points]]}
    own = {"id": properties.pop("id")} if "id" in properties else {}
    return {"type": "Feature", **own, "properties": properties, "geometry": geometry}


def zones(*features: Any, **picture: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", **picture, "features": list(features)}


HD = {"width": 1920, "height": 1080}
LINE = {
    "type": "Feature",
    "properties": {"name": "in"},
    "geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
}
HOLED = polygon((0, 0), (1, 0), (1, 1), (0, 1), name="holed")
HOLED["geometry"]["coordinates"].append([[0.2, 0.2], [0.4, 0.2], [0.4, 0.4]])
ZONES = [
    {},
    zones(polygon((0, 0), (1, 0), (1, 1), name="null"), polygon((0.1234567, 1e-7), (1, 0), (0.5, 1), id="1e5", name="Stufen, „vorn“"), LINE),
    zones(polygon((0, 0), (1920, 0), (1920, 1080), name="hd", color="#aabbcc", capacity=5), units="pixels", frame=HD),
    zones(polygon((10.5, 20), (320.25, 20), (320.25, 200), name="half"), polygon((0, 0), (640, 0), (640, 480), name="Whole 北"), units="pixels"),
    zones(polygon((0, 0), (1, 0), (1, 1), name="one pixel"), polygon((5, 5), (5.2, 5), (5.2, 5.2), name="nothing"), units="pixels"),
    zones(polygon((0, 0), (2, 0), (2, 2), name="two pixels", kind="exclusion"), HOLED, units="pixels", frame={"width": 3, "height": 2}),
    zones(polygon((0, 0), (1e-7, 0), (1e-7, 1e-7), name="invisible"), polygon((0, 0), (1, 0), (1, 1), id="On"), HOLED),
]  # fmt: skip


def make_hostile_fleet() -> dict[str, Sent]:
    """Make them; returns by id what was sent. Four of them are as earlier versions stored them."""
    names = list(dict.fromkeys(filter(_is_a_name, NAMES)))
    names += [f"{name[:190]} {number}" for number, name in enumerate(islice(cycle(names), SIZE - 4 - len(names)))]
    addresses = [
        sent(user, password, place, tail, "rtsps" if number % 7 == 3 else "rtsp")
        for number, (password, user, place, tail) in enumerate(
            zip(islice(cycle(PASSWORDS), SIZE - 4), cycle(USERS), cycle(PLACES), cycle(TAILS))
        )
    ]
    cleaned = [
        clean_camera(
            {
                "name": name,
                "connection_string": address.url,
                "zone_config": zone_config,
                "desired_state": "running" if number % 3 else "stopped",
            }
        )
        for number, (name, address, zone_config) in enumerate(zip(names, addresses, cycle(ZONES)))
    ]
    actions.save_cameras(new=[(None, values) for values in cleaned], changed={}, by=AUTHOR, now=NOW)
    by_name = dict(Camera.objects.values_list("name", "pk"))
    fleet = {str(by_name[values["name"]]): address for values, address in zip(cleaned, addresses, strict=True)}
    before = {
        "RTSP://u:p{w@10.0.0.5/x": sent("u", "p{w", ("10.0.0.5", None), "/x", "rtsp"),
        'RTSPS://a|b:p"^`w}@10.0.0.5/x': sent("a|b", 'p"^`w}', ("10.0.0.5", None), "/x", "rtsps"),
        "rtsp://$NAME:$Password@10.0.0.5/x": sent("$NAME", "$Password", ("10.0.0.5", None), "/x", "rtsp"),
        "rtsp://10.0.0.5/x?a=1&amp;b=2": sent("", None, ("10.0.0.5", None), "/x?a=1&b=2", "rtsp"),
    }
    for number, (text, address) in enumerate(before.items()):
        fleet[str(make_camera_of_before(text, f"before {number}").pk)] = address
    return fleet


def _is_a_name(name: str) -> bool:
    try:
        clean_camera({"name": name}, stored_redacted="")
    except InvalidIntent:
        return False
    return True
