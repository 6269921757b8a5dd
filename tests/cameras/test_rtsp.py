"""Connection strings: what is accepted, what is stored, what is shown, and what a refusal says."""

import json
import pickle
import re
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cameras.rtsp import MAX_LENGTH, InvalidRtspUrl, mended, parse, redact_text, same_camera, split
from cameras.url_tails import is_mask

VECTOR_FILE = Path(__file__).with_name("rtsp_urls.jsonl")
VECTORS = [json.loads(line) for line in VECTOR_FILE.read_text("utf-8").splitlines()]

LABEL_63 = "a" * 63
HOST_253 = ".".join([LABEL_63, LABEL_63, LABEL_63, "b" * 61])

STORED_AS_SENT = [
    "rtsp://host",
    "rtsp://host/",
    "rtsp://host?x=1",
    "rtsps://user@Cam.LAN/Live",
    "rtsp://localhost:8554/cam",
    "rtsp://rtsp:554/cam",
    "rtsp://10.0.0.5:1/x",
    "rtsp://10.0.0.5:65535/x",
    "rtsp://255.255.255.255/x",
    "rtsp://host./x",
    "rtsp://xn--kmera-2ta.example/x",
    "rtsp://_cam._tcp.local/x",
    "rtsp://3com-cam/x",
    f"rtsp://{LABEL_63}/x",
    f"rtsp://{HOST_253}/x",
    f"rtsp://{HOST_253}./x",
    "rtsp://[::1]/x",
    "rtsp://[::ffff:192.0.2.1]:8554/x",
    "rtsp://admin:S3cr3t@[fe80::1%25eth0]:554/x",
    "rtsp://u:%E9t%C3%A9%25@10.0.0.5/latin-1",
    "rtsp://u:a!b$c&d'e(f)g*h+i,j;k=l~m:n-o_p.q@10.0.0.5/sub-delims",
    "rtsp://$:$@10.0.0.5/x",
    "rtsp://u:$ummer@10.0.0.5/x",
    "rtsp://u:pa$G1ss@10.0.0.5/x?y=$G1&z=$MTX_QUERY",
    "rtsp://u:$2y$10$abc@10.0.0.5/x",
    "rtsp://u:(a)%5B0%5D@10.0.0.5/x",
    "rtsp://u:a***@10.0.0.5/asterisks-in-a-password",
    "rtsp://u:%7BX%7D@10.0.0.5/encoded-braces",
    "rtsp://10.0.0.5//double//slash/",
    "rtsp://10.0.0.5/a+b%20c?z=1&a=2&a=3&Z=",
    "rtsp://10.0.0.5/live?x=[1]",
    "rtsp://10.0.0.5/live?mail=a@b",
    "rtsp://u:S3cr3t@host/s?mail=me@corp.example",
    "rtsp://cam:554/s?mail=me@corp.example",
    "rtsp://host/path@1",
    "rtsp://nvr:554/live@main",
    "rtsp://media.example.net:1935/account@site.example/live",
    "rtsp://10.0.0.5/proxy?src=rtsp://u:S3cr3t@10.0.0.6/y",
    "rtsp://syno:8a8d1fa3a4@10.0.0.9:554/Sms=1.unicast",
    "rtsp://10.0.0.5:10554//tcp/av0_0",
    "rtsp://10.0.0.5/rtsp_tunnel?h26x=4&line=1&inst=1",
    "rtsp://admin:S3cr3t@10.0.0.5/ISAPI/Streaming/channels/101?auth=",
]

MENDED = [
    ("\t rtsp://h/x \r\n", "rtsp://h/x"),
    ("\u00a0rtsp://h/x\u2028", "rtsp://h/x"),
    ("rtsp://h:/x", "rtsp://h/x"),
    ("rtsp://u:@h:/x", "rtsp://u:@h/x"),
    ("rtsp://[::1]:/x", "rtsp://[::1]/x"),
    ("rtsp://h:000000554/x", "rtsp://h:554/x"),
    ("rtsp://me@corp.example:p@ss@10.0.0.5/x", "rtsp://me%40corp.example:p%40ss@10.0.0.5/x"),
    ("rtsp://u:p@@10.0.0.5/x", "rtsp://u:p%40@10.0.0.5/x"),
    ("rtsp://ü:密码@10.0.0.5/straße?k=é", "rtsp://%C3%BC:%E5%AF%86%E7%A0%81@10.0.0.5/stra%C3%9Fe?k=%C3%A9"),
    ("rtsp://u:🔑@10.0.0.5/x", "rtsp://u:%F0%9F%94%91@10.0.0.5/x"),
    ("RTSPS://user@Cam.LAN/Live", "rtsps://user@Cam.LAN/Live"),
    ("rtsp://u:p{q@10.0.0.5/a-{lone-brace", "rtsp://u:p%7Bq@10.0.0.5/a-{lone-brace"),
    ('rtsp://u}|:^`"@10.0.0.5/x', "rtsp://u%7D%7C:%5E%60%22@10.0.0.5/x"),
    ("rtsp://h/a?b=1&amp;c=2&amp;amp;d=3", "rtsp://h/a?b=1&c=2&d=3"),
    ("rtsp://h/user=u&amp;channel=1", "rtsp://h/user=u&channel=1"),
]

REFUSED = {
    "empty": ["", " ", "\n\t\u2003"],
    "length": ["rtsp://h/" + "a" * (MAX_LENGTH - 8), "rtsp://h/" + "ü" * 400],
    "scheme_missing": [
        "rtsp", "host/x", "//host/x", "192.168.1.5:554/live", "cam:554/live", '"rtsp://h/x"', "<rtsp://h>", "://h/x",
        "ｒｔｓｐ://h/x",
    ],
    "scheme": ["rtspt://h/x", "rtsp+http://u:S3cr3t@h/x", "rtmp://h/x", "https://u:S3cr3t@h/x", "ffmpeg://rtsp://h"],
    "slashes": ["rtsp:", "rtsp:/h/x", "RTSPS:u:S3cr3t@h", r"rtsp:\/\/h\/x"],
    "doubled_scheme": [
        "rtsp://RTSP://h/x", "rtsp://http://h/x", "rtsp://rtsp:/h/x", "rtsp://u:S3cr3t@rtsp://h/x",
    ],
    "whitespace": [
        "rtsp://h/a b", "rtsp://h/a\tb", "rtsp://h/a\rb", "rtsp://ho st/x", "rtsp://h:554 /x", "rtsp://h/\u0085b",
        "rtsp://h/a\u00a0b", "rtsp://h/a\u2028b", "rtsp://h/a\u3000b",
    ],
    "control_character": ["rtsp://h/\x00", "rtsp://h/a\x1bb", "rtsp://u:S3cr3t\x7f@h/x", "rtsp://h/a\x9bb"],
    "invisible_character": [
        "rtsp://h/x\ufeff", "rtsp://ho\u200bst/x", "rtsp://h/a\u202eb", "rtsp://h/a\u2066b", "rtsp://h/a\u00adb",
    ],
    "surrogate": ["rtsp://u:S3cr3t\ud800@h/x", "rtsp://h/\udfff"],
    "backslash": [r"rtsp://u:S3cr3t\@h/x", r"rtsp://h\x"],
    "placeholder": [
        "rtsp://{user}:{pass}@h/x", "rtsp://u:{FRIGATE_RTSP_PASSWORD}@h/x", "rtsp://u:${P:-S3cr3t}@h/x",
        "rtsp://u:S3cr3t@h/{{channel}}", "rtsp://{ip}/x", "rtsp://u:${S3cr3t@h/x",
        "rtsp://h/cam/realmonitor?channel=<channelNo>&subtype=<typeNo>",
        "rtsp://<user>:<pass>@<ip>:<port>/x", "rtsp://[username]:[password]@[ip]:[port]/x", "rtsp://u:<PASS>@h/x",
        "rtsp://u:{{ camera_password }}@h/x", "rtsp://u:{{x}}@h/x", "rtsp://u:<%= ENV['PW'] %>@h/x", "rtsp://u:#{pw}@h/x",
        "rtsp://u:[PASSWORD]@h/x", "rtsp://u:[your password]@h/x", "rtsp://h/x?pwd=[PASSWORD]&c=1", "rtsp://$NAME:$Password@h/x",
        "rtsp://u:$PASSWORD@h/x", "rtsp://u:$CAM_CRED@h/x", "rtsp://$host:554/x", "rtsp://u:p@$ip/x", "rtsp://u:$(PW)@h/x",
        "rtsp://u:%PASSWORD%@h/x", "rtsp://h/x?password=$PASS",
    ],
    "userinfo_character": [
        "rtsp://u:S3/cr3t@10.0.0.5/x", "rtsp://u:S3?cr3t@10.0.0.5/x", "rtsp://u:S3#cr3t@10.0.0.5/x",
        "rtsp://u:S3[cr3t@10.0.0.5/x", "rtsp://u:S3]cr3t@10.0.0.5/x", "rtsp://u:S3<cr3t@10.0.0.5/x",
        "rtsp://u:S3>cr3t@10.0.0.5/x", "rtsp://u:S3 cr3t@10.0.0.5/x", "rtsp://a b:S3cr3t@10.0.0.5/x",
        "rtsp://u:/S3cr3t@10.0.0.5/x", "rtsp://u:12/34@10.0.0.5/x", "rtsp://u:12?34@[::1]/x",
        "rtsp://u:12?34@cam.lan/x", "rtsp://u:12#34@cam/x", "rtsp://u:12/34@cam:554", "rtsp://u/S3cr3t@10.0.0.5/x",
        "rtsp://u:p@S3/cr3t@10.0.0.5/x", "rtsp://u:p@S3?cr3t@cam.lan/x", "rtsp://888888:S3/cr3t@10.0.0.5/x",
    ],
    "user_missing": ["rtsp://:S3cr3t@h/x", "rtsp://:@h/x", "rtsp://@h/x"],
    "masked": [
        "rtsp://u:*@h/x", "rtsp://*:*@h/x", "rtsp://***@h/x", "rtsp://u:••••@h/x", "rtsp://u:●●●@h/x",
        "rtsp://u:%2A%2a*@h/x", "rtsp://u:%E2%80%A2%E2%80%A2@h/x", "rtsp://***:S3cr3t@h/x", "rtsp://h/x?token=***",
        "rtsp://h/x?token=*", "rtsp://h/x?pwd='••••'", "rtsp://h/x?token=%2A%2A%2A", "rtsps://h:7441/***?enableSrtp",
        "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp", "rtsp://h/0/admin:***/main",
        "rtsp://h/proxy?src=rtsp://u:***@i/y",
    ],
    "percent": ["rtsp://u:100%@h/x", "rtsp://u:S3%g0cr3t@h/x", "rtsp://h/%", "rtsp://h/x?a=%4", "rtsp://h/%４1"],
    "encoded_control": ["rtsp://u:S3%0d%0acr3t@h/x", "rtsp://u%00:S3cr3t@h/x", "rtsp://u:%7F@h/x", "rtsp://h/%1F"],
    "fragment": ["rtsp://h/x#", "rtsp://h/x#backchannel=0", "rtsp://h#x"],
    "host_missing": ["rtsp://", "rtsp:///x", "rtsp://?x", "rtsp://:554/x", "rtsp://u:S3cr3t@", "rtsp://u:S3cr3t@/x"],
    "host": [
        "rtsp://host..name/x", "rtsp://.host/x", "rtsp://host../x", "rtsp://./x", "rtsp://-host/x", "rtsp://host-/x",
        "rtsp://a.-.b/x", "rtsp://müller.lan/x", "rtsp://hoſt/x", "rtsp://ex%61mple/x", "rtsp://ho|st/x",
        "rtsp://ho*st/x", f"rtsp://{LABEL_63}a/x", f"rtsp://{HOST_253}b/x",
    ],
    "ipv4": [
        "rtsp://1.2.3/x", "rtsp://1.2.3.4.5/x", "rtsp://10.0.0.05/x", "rtsp://10.0.0.256/x", "rtsp://192.168.l.64/x",
        "rtsp://2130706433/x", "rtsp://0x7f.1/x", "rtsp://0x7f000001/x", "rtsp://10.0.0.5./x", "rtsp://127.0.0.0x1/x",
    ],
    "ipv6": [
        "rtsp://[]/x", "rtsp://[::1/x", "rtsp://[::1]x/x", "rtsp://[1.2.3.4]/x", "rtsp://[v1.x]/x", "rtsp://fe80::1/x",
        "rtsp://u:S3cr3t@2001:db8::5:554/x", "rtsp://[fe80::1%eth0]/x", "rtsp://[fe80::1%ab0]/x", "rtsp://[::1%25]/x",
        "rtsp://[::1%25e/0]/x", "rtsp://[::12345]/x",
    ],
    "port": [
        "rtsp://h:0/x", "rtsp://h:00/x", "rtsp://h:65536/x", "rtsp://h:99999999999/x", "rtsp://h:-1/x",
        "rtsp://h:+554/x", "rtsp://h:5_54/x", "rtsp://h:５５４/x", "rtsp://h:٥٥٤/x", "rtsp://h:554:554/x",
        "rtsp://[::1]:0/x", "rtsp://u:S3cr3t/x", "rtsp://h:" + "9" * 2000,
    ],
}  # fmt: skip

REDACTED = [
    ("rtsp://u:S3cr3t@h:554/a/b?channel=1", "rtsp://u:***@h:554/a/b?channel=1"),
    ("rtsp://u:@h/x", "rtsp://u:@h/x"),
    ("rtsp://u@h/x", "rtsp://u@h/x"),
    ("rtsp://u:p@S3cr3t@10.0.0.5/x", "rtsp://u:***@10.0.0.5/x"),
    ("rtsp://me@corp.example:S3cr3t@10.0.0.5/x", "rtsp://me%40corp.example:***@10.0.0.5/x"),
    ("rtsps://h:7441/S3cr3tM72bWoFijxK?enableSrtp", "rtsps://h:7441/***?enableSrtp"),
    ("rtsps://h:7441/S3cr3tM72bWoFijxK/", "rtsps://h:7441/***/"),
    ("rtsp://h/abcdefghijkl", "rtsp://h/***"),
    ("rtsp://h/abcdefghijk", "rtsp://h/abcdefghijk"),
    ("rtsp://h/defaultPrimary?streamType=u", "rtsp://h/defaultPrimary?streamType=u"),
    ("rtsp://h/h264Preview_01_main", "rtsp://h/h264Preview_01_main"),
    ("rtsp://h/Streaming/Channels/101", "rtsp://h/Streaming/Channels/101"),
    ("rtsp://h/x?user=u&password=S3cr3t&channel=1", "rtsp://h/x?user=u&password=***&channel=1"),
    ("rtsp://h/x?usr=u&PWD=S3cr3t", "rtsp://h/x?usr=u&PWD=***"),
    ("rtsp://h/x?loginuse=u&loginpas=S3cr3t", "rtsp://h/x?loginuse=u&loginpas=***"),
    ("rtsp://h/x?u=admin&p=S3cr3t&chn=1", "rtsp://h/x?u=admin&p=***&chn=1"),
    ("rtsp://h/x?p=1&u=2", "rtsp://h/x?p=***&u=2"),
    ("rtsp://h/x?user='u'&pwd='S3&cr3t'&ch=1", "rtsp://h/x?user='u'&pwd=***&ch=1"),
    ('rtsp://h/x?pwd="S3cr3t"', "rtsp://h/x?pwd=***"),
    ("rtsp://h/x?p%61ss=S3cr3t", "rtsp://h/x?pass=***"),
    ("rtsp://h/x?ch=1;passwd=S3cr3t", "rtsp://h/x?ch=1;passwd=***"),
    ("rtsp://h/x?token=", "rtsp://h/x?token="),
    ("rtsp://h/x?access_token=S3cr3t&api-key=S3cr3t", "rtsp://h/x?access_token=***&api-key=***"),
    ("rtsp://h/x?accessKey=S3cr3t&apikey=S3cr3t", "rtsp://h/x?accessKey=***&apikey=***"),
    ("rtsp://h/x?secret=S3cr3t&key=S3cr3t", "rtsp://h/x?secret=***&key=***"),
    ("rtsp://h/x?auth=S3cr3t&authbasic=S3cr3t==", "rtsp://h/x?auth=***&authbasic=***"),
    ("rtsp://h/x?monkey=1&keyframe=2&profile=Profile_1", "rtsp://h/x?monkey=***&keyframe=2&profile=Profile_1"),
    (
        "rtsp://h/user=admin_password=S3_x=cr/3t_channel=1_stream=0.sdp?real_stream",
        "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
    ),
    (
        "rtsp://h/user=admin_password=_channel=1_stream=0.sdp",
        "rtsp://h/user=admin_password=_channel=1_stream=0.sdp",
    ),
    ("rtsp://h/0/admin:S3cr3t/main", "rtsp://h/0/admin:***/main"),
    ("rtsp://h/2/1:1/main", "rtsp://h/2/1:1/main"),
    ("rtsp://h/vod/mp4:clip_115k.mp4", "rtsp://h/vod/mp4:clip_115k.mp4"),
    ("rtsp://h/p?src=rtsp://u:S3cr3t@i/y", "rtsp://h/p?src=rtsp://u:***@i/y"),
    (
        "rtsp://h/p?src=rtsp%3A%2F%2Fu%3AS3cr3t%40i%2Fy%3Ftoken%3DS3cr3t&ch=1",
        "rtsp://h/p?src=rtsp%3A%2F%2Fu%3A***%40i%2Fy%3Ftoken%3D***&ch=1",
    ),
]

LOG_LINES = [
    ("open rtsp://u:S3cr3t@h/x: 401 for bob@corp.example", "open rtsp://u:***@h/x: 401 for bob@corp.example"),
    ("RTSP://U:S3cr3t@H RTSPS://u:S3cr3t@[::1]:322/x", "RTSP://U:***@H RTSPS://u:***@[::1]:322/x"),
    ("rtsp://a:S3cr3t@h,rtsp://b:S3cr3t@i;rtsp://j", "rtsp://a:***@h,rtsp://b:***@i;rtsp://j"),
    ("(rtsps://h:7441/S3cr3tM72bWoFijxK), next", "(rtsps://h:7441/***), next"),
    ("{'url': 'rtsp://h/x?token=S3cr3t', 'n': 1}", "{'url': 'rtsp://h/x?token=***', 'n': 1}"),
    ('{"url":"rtsp://u:S3cr3t@h/x?pwd=S3cr3t","m":"a@b.c"}', '{"url":"rtsp://u:***@h/x?pwd=***","m":"a@b.c"}'),
    (r'{"url":"rtsp:\/\/u:S3cr3t@h\/x?token=S3cr3t"}', r'{"url":"rtsp:\/\/u:***@h\/x?token=***"}'),
    (r'"{\"url\":\"rtsp:\\/\\/u:S3cr3t@h\\/x\"}"', r'"{\"url\":\"rtsp:\\/\\/u:***@h\\/x\"}"'),
    ("?src=rtsp%3a%2f%2fu%3AS3cr3t%40h%2Fx&token=S3cr3t b", "?src=rtsp%3A%2F%2Fu%3A***%40h%2Fx&token=*** b"),
    ("?src=rtsp%253A%252F%252Fu%253AS3cr3t%2540h", "?src=rtsp%253A%252F%252Fu%253A***%2540h"),
    ("rtsp://rtsp:S3cr3t@h:554/av_stream/ch0", "rtsp://rtsp:***@h:554/av_stream/ch0"),
    ("rtsp://ü.b@c:S3cr3t@h", "rtsp://ü.b@c:***@h"),
    ("rtsp://u:S3/cr3t@nvr/x failed", "rtsp://u:***@nvr/x failed"),
    ("rtsp://u:12/S3cr3t@nvr/x failed", "rtsp://u:***@nvr/x failed"),
    ("rtsp://u:S3 cr3t@10.0.0.5/x failed", "rtsp://u:***@10.0.0.5/x failed"),
    ("rtsp://u:12 S3cr3t@10.0.0.5/x failed", "rtsp://u:***@10.0.0.5/x failed"),
    ("rtsp://my user:S3cr3t@10.0.0.5/x", "rtsp://my user:***@10.0.0.5/x"),
    ("rtsp://u:p@S3/cr3t@10.0.0.5/x", "rtsp://u:***@10.0.0.5/x"),
    ("rtsp://u:<S3cr3t>@h/x", "rtsp://u:***@h/x"),
    ('rtsp://u:S3"cr3t@h/x', "rtsp://u:***@h/x"),
    (r"rtsp://u:S3\cr3t@h/x", "rtsp://u:***@h/x"),
    ("cut off: rtsp://u:S3cr3t", "cut off: rtsp://u:***"),
    ("cut off: rtsp://u:S3cr3t\nnext line", "cut off: rtsp://u:***\nnext line"),
    ("rtsp:/u:S3cr3t@h/x rtsp:u:S3cr3t@h/x", "rtsp:/u:***@h/x rtsp:u:***@h/x"),
    ("rtsp:///u:S3cr3t@h/x", "rtsp:///u:***@h/x"),
    ("rtsp://u%3AS3cr3t%40h/x", "rtsp://u%3A***"),
    ("http://u:S3cr3t@h/x ffmpeg:rtsp://u:S3cr3t@h#video=h264", "http://u:***@h/x ffmpeg:rtsp://u:***@h#video=h264"),
    ("tapo://S3cr3t@10.0.0.5 redis://:S3cr3t@h/0", "tapo://***@10.0.0.5 redis://:***@h/0"),
    ("postgres://u:S3cr3t@h1:5432,h2:5432/db?x=1", "postgres://u:***@h1:5432,h2:5432/db?x=1"),
    ("rtsp://nvr/x?token=S3cr3t opened: by bob@10.0.0.9", "rtsp://nvr/x?token=*** opened: by bob@10.0.0.9"),
]  # fmt: skip

HARMLESS = [
    "use rtsp:// or rtsps:// and ask bob@corp.example",
    "rtsp://nvr:554: timed out (bob: x@y)",
    "rtsp://10.0.0.5/cam/realmonitor?channel=1&subtype=0 is down, bob@10.0.0.9",
    "sqlite:///:memory: file:///C:/x http://localhost:8000/admin/ C:\\x std::x 10:30 a=b token=abc",
    "see https://docs.example.com/en/5.2/ref/longdocumentname12345/#security",
    '{"url":"rtsp://nvr:554/live","mail":"bob@corp.example"}',
]

# The pieces that a reader of URLs may trip over, so that random text comes near to connection strings.
PIECES = [
    "rtsp://", "RTSPS://", "rtsp:", "http://", "u", "p", ":", "@", "/", "?", "#", "&", "=", "[", "]", "::1",
    "%25", "%", "%40", "%3A", "%2F", "%0a", "10.0.0.5", "cam", ".", "-", "_", "554", "0", "*", "***", "•",
    "{", "}", "<", "\\", '"', "'", " ", "\n", "\u200b", "ü", "token=", "password=", "_channel=",
    "abcdefghijklm1", "\\/", "$", "PW", "&amp;", "^", "|", "RTSP://",
]  # fmt: skip
URLISH = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
HOSTS = st.sampled_from(["10.0.0.5", "cam", "cam_01.lan", "nvr.example.net", "[::1]", "[fe80::1%25eth0]"])
PATHS = st.sampled_from(["", "/", "/live?channel=1", "/a/b@c"])
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
SECRETS = st.one_of(PRINTABLE, URLISH.filter(str.isprintable)).map("S3{}cr3t".format)


def refusal(text: str) -> InvalidRtspUrl:
    with pytest.raises(InvalidRtspUrl) as caught:
        parse(text)
    return caught.value


def holds_secret(case: dict) -> bool:
    user_info, at, _ = case["url"].partition("://")[2].rpartition("@")
    return case.get("secret_outside_userinfo", False) or (bool(at) and not user_info.endswith(":"))


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["note"])
def test_the_public_cases_get_their_verdict(case):
    if case["verdict"] == "invalid":
        assert refusal(case["url"]).hint
        return
    url = parse(case["url"])
    assert url.normalised == case.get("normalised", case["url"])
    assert (url.redacted != url.normalised) == holds_secret(case)


@pytest.mark.parametrize("text", STORED_AS_SENT)
def test_what_needs_no_mending_is_stored_as_sent(text):
    assert parse(text).normalised == text


@pytest.mark.parametrize(("text", "normalised"), MENDED)
def test_what_has_one_meaning_is_mended(text, normalised):
    assert parse(text).normalised == normalised


@pytest.mark.parametrize(("code", "text"), [(code, text) for code in REFUSED for text in REFUSED[code]])
def test_a_refusal_says_why(code, text):
    assert refusal(text).code == code


def test_a_hint_depends_on_the_fault_alone_and_is_the_error_text():
    for code, texts in REFUSED.items():
        errors = [refusal(text) for text in texts]
        assert len({error.hint for error in errors}) == 1, code
        assert all(str(error) == error.hint and "S3" not in error.hint for error in errors)
    assert len({refusal(texts[0]).hint for texts in REFUSED.values()}) == len(REFUSED)


def test_a_refusal_holds_nothing_of_the_value():
    for texts in REFUSED.values():
        for error in map(refusal, texts):
            copy = pickle.loads(pickle.dumps(error))  # noqa: S301
            assert (copy.code, copy.hint) == (error.code, error.hint)
            assert error.__cause__ is None
            assert error.args == (error.code,)


def test_the_longest_string_is_accepted_and_one_more_character_is_not():
    longest = "rtsp://h/" + "a" * (MAX_LENGTH - 9)
    assert parse(f"  {longest}\n").normalised == longest
    assert refusal(longest + "a").code == "length"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("rtsp://u:p@h/x", "h:554"),
        ("rtsps://h", "h:322"),
        ("RTSPS://h:07441/x", "h:7441"),
        ("rtsp://h:", "h:554"),
        ("rtsp://[::1]/x", "[::1]:554"),
        ("rtsp://[fe80::1%25eth0]:8554/x", "[fe80::1%25eth0]:8554"),
    ],
)
def test_the_address_always_shows_the_port(text, address):
    assert parse(text).address == address


@pytest.mark.parametrize(("text", "redacted"), REDACTED)
def test_the_redacted_form_hides_secrets_and_nothing_else(text, redacted):
    url = parse(text)
    assert url.redacted == redacted
    assert repr(url) == f"RtspUrl({redacted!r})"
    assert "S3cr3t" not in f"{url} {redact_text(text)} {redact_text(json.dumps({'url': text}))}"
    if redacted != url.normalised:
        assert refusal(redacted).code == "masked"


@pytest.mark.parametrize(("line", "redacted"), LOG_LINES)
def test_a_log_line_is_shown_without_its_secrets(line, redacted):
    assert redact_text(line) == redacted
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize("line", HARMLESS)
def test_a_line_without_secrets_is_unchanged(line):
    assert redact_text(line) == line


@given(st.one_of(st.text(), URLISH, URLISH.map(lambda rest: f"rtsp://{rest}")))
@example("rtsp://u:p@h:0/x")
def test_any_text_is_either_refused_or_stable(text):
    try:
        url = parse(text)
    except InvalidRtspUrl:
        return
    assert parse(url.normalised) == url
    assert mended(url.normalised) == url.normalised
    scheme, user_info, _, _ = split(url.normalised)
    assert scheme in ("rtsp", "rtsps")
    assert re.fullmatch(r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+@)?", user_info)  # RFC 3986, 3.2.1
    if url.redacted != url.normalised:
        assert refusal(url.redacted).code == "masked"


@pytest.mark.parametrize(
    ("stored", "today"),
    [
        ("RTSP://u:p{q@10.0.0.5/x", "rtsp://u:p%7Bq@10.0.0.5/x"),
        ("rtsp://10.0.0.5/x?a=1&amp;b=2", "rtsp://10.0.0.5/x?a=1&b=2"),
        ("rtsp://$NAME:$Password@[fe80::1%25eth0]/x", "rtsp://%24NAME:%24Password@[fe80::1%25eth0]/x"),
        ("rtsp://10.0.0.5/x?a=[name]&b={c", "rtsp://10.0.0.5/x?a=%5Bname%5D&b=%7Bc"),
        ("rtsp://u:***@10.0.0.5/x", "rtsp://u:***@10.0.0.5/x"),
        ("no address at all", "no address at all"),
    ],
)
def test_what_an_earlier_version_stored_has_a_form_today(stored, today):
    assert mended(stored) == today
    assert mended(today) == today


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("rtsp://u:p%61ss@h/x", "rtsp://u:pass@h/x", True),
        ("rtsp://u:%e9@h/x", "rtsp://u:%E9@h/x", True),
        ("rtsp://u:a%3Ab@h/x", "rtsp://u:a:b@h/x", True),
        ("rtsp://u%3Aa:b@h/x", "rtsp://u:a:b@h/x", False),
        ("rtsp://u:@h/x", "rtsp://u@h/x", False),
        ("rtsp://h/%61", "rtsp://h/a", False),
        ("rtsp://h/x", "rtsps://h/x", False),
        ("rtsp://h/x", "rtsp://h:554/x", True),
        ("rtsps://[::1]/x", "rtsps://[::1]:322/x", True),
        ("rtsps://[::1]/x", "rtsps://[::1]:554/x", False),
    ],
)
def test_two_addresses_are_of_one_camera_where_login_place_and_path_are(one, other, same):
    assert same_camera(one, other) == same


@given(password=SECRETS, host=HOSTS, path=PATHS)
def test_no_part_of_an_encoded_password_is_ever_shown(password, host, path):
    text = f"rtsp://a%40b:{quote(password, safe='')}@{host}{path}"
    url = parse(text)
    assert url.normalised == text
    assert url.redacted == redact_text(text) == f"rtsp://a%40b:***@{host}{path}"
    for line in (f"open {text} failed", repr(text), json.dumps({"url": text}), quote(text, safe="")):
        shown = redact_text(line)
        assert "S3" not in shown
        assert "cr3t" not in shown
        assert host in shown or quote(host, safe="") in shown


@given(password=SECRETS, host=HOSTS, path=PATHS)
def test_a_raw_password_is_never_shown(password, host, path):
    text = f"rtsp://user:{password}@{host}{path}"
    for line in (text, f"open {text} failed", repr(text), json.dumps({"url": text}), quote(text, safe="")):
        assert password not in redact_text(line)
    # By the grammar, the password `p@10.0.0.9/q` ends at its own `@`.
    assume("@" not in password or not set("/?#") & set(password))
    with suppress(InvalidRtspUrl):
        assert parse(text).redacted == f"rtsp://user:***@{host}{path}"


@given(st.one_of(st.text(), URLISH))
def test_redacting_twice_is_redacting_once(text):
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.text(st.characters(exclude_characters=":%")))
def test_text_without_urls_is_unchanged(text):
    assert redact_text(text) == text


@pytest.mark.parametrize("value", ["*", "***", "••", "●", "%2A", "'***'", "%E2%80%A2"])
def test_asterisks_and_bullets_are_a_mask(value):
    assert is_mask(value)


@pytest.mark.parametrize("value", ["", "a*", "''", "x", "%2"])
def test_other_values_are_no_mask(value):
    assert not is_mask(value)


@pytest.mark.parametrize("prefix", ["", "rtsp://u:", "rtsp://h/?", "rtsp%3A%2F%2F"])
@pytest.mark.parametrize(
    "unit",
    ["a", "@", ".", "rtsp://", "rtsp:", "://", "\\", ":\\", "%25", "%253A", "rtsp%3A%2F%2F", "token=",
     "aPass", "pas_", "?u=", "pwd='", "/a:", "1.1.1.1@", "@a", "rtsp://u:p "],
)  # fmt: skip
def test_redaction_takes_linear_time(unit, prefix):
    """Of 20,000 characters, a linear reading takes hundredths of a second, a quadratic one many seconds."""
    text = prefix + unit * (20_000 // len(unit))
    start = time.process_time()
    redact_text(text)
    assert time.process_time() - start < 1
