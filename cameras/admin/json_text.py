"""JSON as people read and type it in the admin."""

import json
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from controlplane import strict_json
from controlplane.problems import Problem

# A line end inside a string is written as \n, so a real one is always layout.
_PAIR_ON_LINES = re.compile(r"\[\s*\n\s*(-?[\d.eE+-]+),\s*\n\s*(-?[\d.eE+-]+)\s*\n\s*\]")


def pretty(value: Any) -> str:
    """Indented, with each coordinate pair on one line."""
    return _PAIR_ON_LINES.sub(r"[\1, \2]", json.dumps(value, indent=2, ensure_ascii=False))


def preformatted(value: Any) -> SafeString:
    return format_html('<pre class="cp-json" tabindex="0">{}</pre>', pretty(value))


def parse(text: str) -> Any:
    """The value of a typed JSON text; an empty one is `{}`. Raises ValidationError with the place of the fault."""
    if not text.strip():
        return {}
    try:
        return strict_json.parse(text.encode("utf-8", "surrogatepass"))
    except Problem as problem:
        raise ValidationError(
            [
                f"{error.field}: {error.detail}"
                if error.field
                else error.detail.replace("The body", _("The text"))
                for error in problem.errors
            ]
        ) from None
