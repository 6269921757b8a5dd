"""JSON as every endpoint sends it. The one home of the shape that moments have, in JSON and in CSV."""

from datetime import UTC, datetime
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def moment_text(moment: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of a second: texts of one length, which sort as the moments do."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def encode_json(value: Any) -> bytes:
    """The value as JSON in UTF-8, its moments as `moment_text`.

    Rows by the thousand are better made with `moment_text` and given to msgspec: looking at each value costs more
    than writing it.
    """
    return _encoder.encode(with_texts(value))


def with_texts(value: Any) -> Any:
    """The value with its moments as `moment_text`."""
    # msgspec has no choice of how it writes a datetime: it leaves a fraction of zero out.
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, dict):
        return {name: with_texts(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_texts(inner) for inner in value]
    if isinstance(value, msgspec.Struct):
        return {name: with_texts(getattr(value, name)) for name in value.__struct_fields__}
    return value
