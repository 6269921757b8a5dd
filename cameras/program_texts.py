"""What may be shown of a text that a program wrote of itself: a worker's error, the name of a container."""

import re

from cameras.redaction import redact_text
from cameras.url_tails import MASK

_LONG_NAME = r"passw(?:or)?d|passphrase|passwort|kennwort|secret|token|credentials?|api[_-]?key"
# Parts of other words too, such as of `bypass` and `turnkey`.
_SHORT_NAME = r"(?<![A-Za-z0-9])(?:pwd|pass|pw|psk|key|auth)"
_NAME = rf"""[\w.-]{{0,40}}(?:{_LONG_NAME})|{_SHORT_NAME}"""
# `password=x`, `"password": "x"`, `--password x`, `the password is x`
_ASSIGNED = re.compile(
    rf"""(?P<name>(?:{_NAME})["']?\s{{0,3}}(?:=>?|:)\s{{0,3}}|--(?:{_NAME})\s{{1,3}}|(?:{_NAME})\s(?:is|was)\s)"""
    r"""(?P<value>"[^"\n]*"?|'[^'\n]*'?|[^\s,;&)}\]]+)""",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"(authorization[\"']?\s{0,3}[:=]\s{0,3})[^\n]+", re.IGNORECASE)
# `user:password@host` of no URL; what follows the `@` of an image is its digest.
_LOGIN = re.compile(r"(?<![\w/.-])([\w.+-]{1,64}):(?!\\*/)[^\s@]{1,200}@(?!sha\d)(?=[\w\[])", re.IGNORECASE)


def redact_program_text(text: str) -> str:
    """The text with `***` for the secrets of its URLs, for logins, and for what is named as a secret.

    Redacting twice is redacting once.
    """
    shown = _AUTHORIZATION.sub(rf"\g<1>{MASK}", redact_text(text))
    shown = _LOGIN.sub(rf"\g<1>:{MASK}@", shown)
    return _ASSIGNED.sub(lambda found: found["name"] + MASK, shown)
