"""When two names are the same to whoever reads them, whether a name shows anything, and how a text is searched.

`key` and `folded` are stored in columns: whoever changes what they return fills the columns anew in a migration.
"""

import hashlib
import re
import unicodedata

MAX_KEY = 200

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt, the same in 14.0 to 16.0), which Python's
# unicodedata does not have: what a font shows as nothing. UAX 31 (2.3) leaves these out where names are compared.
_DEFAULT_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IGNORED = re.compile(f"[{_DEFAULT_IGNORABLE}]")
# Blank in every font, though symbols by their category: the empty braille cell and the null notehead.
_BLANK = "\u2800\U0001d159"
# Separators, marks that stand on a letter, controls, formats and surrogates. What is not assigned yet, such as an
# emoji that is newer than Python, may well be seen.
_UNSEEN = ("Zs", "Zl", "Zp", "Mn", "Mc", "Me", "Cc", "Cf", "Cs")

# Accents that a search leaves out: those of Latin, Greek and Cyrillic, the points of Hebrew and of Arabic. Marks
# of other scripts are letters of their own to their readers.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]"
)
# Letters without a decomposition in Unicode, in lower case, as people type them on another keyboard.
_BASE_LETTERS = str.maketrans(
    {
        "æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ĸ": "k", "ł": "l", "ŋ": "n", "ø": "o", "œ": "oe",
        "þ": "th", "ŧ": "t",
    }
)  # fmt: skip


def is_visible(text: str) -> bool:
    """Whether anything of it can be seen: not only spaces, controls, marks without a letter, and ignorables."""
    return any(
        unicodedata.category(one) not in _UNSEEN and one not in _BLANK and not _is_noncharacter(ord(one))
        for one in _IGNORED.sub("", text)
    )


def _is_noncharacter(code_point: int) -> bool:
    return 0xFDD0 <= code_point <= 0xFDEF or code_point & 0xFFFE == 0xFFFE


def key(name: str) -> str:
    """The same for names that look the same: compared in form NFKC, without case, ignorables and runs of spaces.

    At most MAX_KEY characters; of a longer one the beginning, with a hash of the whole.
    """
    compared = _compared(name)
    if len(compared) <= MAX_KEY:
        return compared
    digest = hashlib.sha256(compared.encode("utf-8", "surrogatepass")).hexdigest()
    return compared[: MAX_KEY - len(digest)] + digest


def folded(text: str) -> str:
    """The text as a search compares it: as `key` does, and without accents (ń as n, ß as ss, ø as o)."""
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", _compared(text)))
    return " ".join(unicodedata.normalize("NFC", bare.translate(_BASE_LETTERS)).split())


def _compared(text: str) -> str:
    # Folding can leave what normalising and folding again would change (UAX 31, R5); the second round settles it.
    for _round in range(2):
        seen = _IGNORED.sub("", text)
        for blank in _BLANK:
            seen = seen.replace(blank, " ")
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    return " ".join(text.split())
