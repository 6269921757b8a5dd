"""What may be wrong with a connection string, and what the person who sent it can do about it. Pure."""

MAX_LENGTH = 2048

_HINTS = {
    "empty": "It is empty. Enter the camera's address, beginning with rtsp:// or rtsps://.",
    "length": f"It is too long. At most {MAX_LENGTH} characters are accepted, after encoding.",
    "scheme_missing": "It has no scheme. Begin with rtsp:// or rtsps://, without quotes around the address.",
    "scheme": "Its scheme is not supported. Only rtsp:// and rtsps:// are accepted.",
    "slashes": "Two slashes must follow the scheme: rtsp:// or rtsps://.",
    "doubled_scheme": "It has two schemes one after the other. Keep a single rtsp:// or rtsps://.",
    "whitespace": "It contains a space, a tab or a line break. Remove it, or write a space as %20.",
    "control_character": "It contains a control character. Remove it.",
    "invisible_character": "It contains an invisible character, often from copying. Type that part anew.",
    "surrogate": "It contains half of a character that UTF-8 cannot carry. Type that part anew.",
    "backslash": "It contains a backslash. Use / in the path; in a password write it as %5C.",
    "placeholder": (
        "It contains a placeholder. Put the value in its place; where the characters are meant, write { } < > [ ]"
        " and $ as %7B %7D %3C %3E %5B %5D and %24."
    ),
    "userinfo_character": (
        "A user name or password must not contain / ? # [ ] < > or a space as they are. Write them as"
        " %2F %3F %23 %5B %5D %3C %3E %20; write an @ in the path as %40."
    ),
    "user_missing": "A user name must stand before the @. Add it, or remove the part up to the @.",
    "masked": "It contains a masked value. Enter the secret itself, or leave the address out to keep it.",
    "percent": "A % must be followed by two hexadecimal digits. Write a percent sign as %25.",
    "encoded_control": "It contains an encoded control character (%00 to %1F, or %7F). Remove it.",
    "fragment": "It contains a #. Remove it with what follows, or write it as %23.",
    "host_missing": "The host is missing. Enter the camera's name or address after the scheme and user info.",
    "host": (
        "The host is not a valid name: ASCII letters, digits, hyphens and underscores between dots, no hyphen"
        " at the ends of a part, at most 63 characters a part and 253 in all. Write others as xn--."
    ),
    "ipv4": "The host is not a valid IPv4 address: four numbers from 0 to 255, without leading zeros.",
    "ipv6": "The host is not a valid IPv6 address. Write it in square brackets, a zone after %25.",
    "port": "The port must be a number from 1 to 65535.",
}


class InvalidRtspUrl(ValueError):
    """Why a connection string was refused.

    `code` is a short slug of the fault. `hint`, also `str(error)`, names the fault and says what to do; it
    never holds any part of the value, which may be a secret.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.hint = _HINTS[code]

    def __str__(self) -> str:
        return self.hint
