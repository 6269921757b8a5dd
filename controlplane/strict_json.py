"""JSON read strictly: what a parser would quietly mend or lose is refused, with the place of the fault.

RFC 8259 leaves duplicate keys, NaN, lone surrogates, depth and huge numbers to the implementation; here
they are faults.
"""

import json
import math
from codecs import BOM_UTF8
from typing import Any, NoReturn

from rest_framework.parsers import BaseParser

from controlplane.compressed_bodies import require_plain
from controlplane.problem_types import ErrorCode
from controlplane.problems import FieldError, Problem, shown_name

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
TOO_DEEP = f"The JSON is nested deeper than {MAX_DEPTH} levels."


def refuse(field: str, detail: str, code: ErrorCode = ErrorCode.INVALID) -> NoReturn:
    raise Problem(400, f"{field}: {detail}" if field else detail, [FieldError(field, detail, code)])


def parse(data: bytes) -> Any:
    """The value of a JSON text in UTF-8, with one byte-order mark before it or none (RFC 8259, 8.1).

    Raises Problem 400 that names the field of the fault.
    """
    data = data.removeprefix(BOM_UTF8)
    if not data.strip():
        refuse("", "The body is empty; send a JSON object.", ErrorCode.REQUIRED)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError:
        refuse("", "The body is not UTF-8.")
    except RecursionError:
        refuse("", TOO_DEEP, ErrorCode.TOO_LARGE)
    except json.JSONDecodeError as error:
        refuse("", f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.")
    _check(value, "", 0)
    return value


class _Faulty:
    """Stands for a value that cannot be kept, until `_check` knows where it stands."""

    def __init__(self, detail: str, code: ErrorCode = ErrorCode.INVALID) -> None:
        self.detail, self.code = detail, code


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                value[key] = _Faulty("The key stands here twice.", ErrorCode.REPEATED)
            seen.add(key)
    return value


def _constant(name: str) -> _Faulty:
    return _Faulty(f"{name} is not a JSON number.")


def _integer(text: str) -> Any:
    if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
        return _Faulty("The number is too large.", ErrorCode.OUT_OF_RANGE)
    return int(text)


def _float(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else _Faulty("The number is too large.", ErrorCode.OUT_OF_RANGE)


def _check(value: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        refuse(path.partition(".")[0].partition("[")[0], TOO_DEEP, ErrorCode.TOO_LARGE)
    if isinstance(value, _Faulty):
        refuse(path, value.detail, value.code)
    if isinstance(value, str):
        if fault := fault_of_text(value):
            refuse(path, fault)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check(inner, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if fault := fault_of_text(key):
                refuse(path, f"A key is not valid. {fault}")
            name = shown_name(key)
            _check(inner, f"{path}.{name}" if path else name, depth + 1)


def fault_of_text(text: str) -> str | None:
    """Why no database takes this text, or None. PostgreSQL stores neither NUL nor lone surrogates."""
    if "\0" in text:
        return "The text holds a NUL character."
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "The text holds a lone surrogate (half of a UTF-16 pair)."
    return None


def is_utf8_json(content_type: str) -> bool:
    """Whether a Content-Type header says JSON in UTF-8 (the only charset of RFC 8259)."""
    media_type, _, parameters = content_type.partition(";")
    if media_type.strip().lower() != "application/json":
        return False
    for parameter in filter(str.strip, parameters.split(";")):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return False
    return True


class StrictJSONParser(BaseParser):
    media_type = "*/*"  # every type comes here, so that the 415 is ours and names what is accepted

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request = parser_context["request"]
        if not is_utf8_json(request.META.get("CONTENT_TYPE", "")):
            raise Problem(415, "Send JSON in UTF-8 with `Content-Type: application/json`.")
        require_plain(request.headers.get("Content-Encoding", ""))
        data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Problem(413, f"The body is larger than {MAX_BYTES // 1024} KiB.")
        return parse(data)
