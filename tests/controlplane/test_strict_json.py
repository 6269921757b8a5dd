"""JSON read strictly."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane import strict_json
from controlplane.problems import Problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, "\\u00e9", true, null]}', {"a": [1, 2.5, "é", True, None]}),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775807", -(2**63) + 1),
        (b"9007199254740993", 2**53 + 1),
        (b'"\\ud83d\\ude00"', "😀"),
        (b" 1 ", 1),
        (b"\xef\xbb\xbf 1", 1),
        (b'"\xef\xbb\xbf"', "\ufeff"),
    ],
)
def test_sound_json_keeps_its_value(text: bytes, value: Any) -> None:
    assert strict_json.parse(text) == value


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", ""),
        (b"  ", ""),
        (b"{", ""),
        (b"\xff", ""),
        (b"\xef\xbb\xbf", ""),
        (b"\xef\xbb\xbf\xef\xbb\xbf1", ""),
        (b" \xef\xbb\xbf1", ""),
        ('{"a":1}'.encode("utf-16"), ""),
        (b"{'a':1}", ""),
        (b'{"a":1,"a":1}', "a"),
        (b'{"a":[{"b":1,"b":2}]}', "a[0].b"),
        (b'{"a":NaN}', "a"),
        (b'{"a":[1,-Infinity]}', "a[1]"),
        (b'{"a":1e400}', "a"),
        (b'{"a":9223372036854775808}', "a"),
        (b'{"a":' + b"1" * 5000 + b"}", "a"),
        (b'{"a":"\\u0000"}', "a"),
        (b'{"a":{"b":"\\udc00"}}', "a.b"),
        (b'{"a\\u0000":1}', ""),
        (b'{"a":' + b"[" * 65 + b"]" * 65 + b"}", "a"),
        (b"[" * 100_000, ""),
    ],
)
def test_what_would_be_mended_or_lost_is_refused_at_its_place(text: bytes, field: str) -> None:
    with pytest.raises(Problem) as raised:
        strict_json.parse(text)

    assert raised.value.status == 400
    assert raised.value.errors[0].field == field


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_but_a_problem(data: bytes) -> None:
    with contextlib.suppress(Problem):
        strict_json.parse(data)


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        ("application/json", True),
        ("APPLICATION/JSON;charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json; charset=latin-1", False),
        ("application/jsonx", False),
        ("text/json", False),
        ("", False),
    ],
)
def test_the_content_type_says_json_in_utf_8(content_type: str, accepted: bool) -> None:
    assert strict_json.is_utf8_json(content_type) is accepted
