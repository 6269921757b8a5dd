"""Names of cameras as other programs take them for keys and paths.

Pure: must not import Django or models.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

MAX_SLUG = 60


def unique_slugs(names: Sequence[str], taken: Iterable[str] = ()) -> list[str]:
    """For each name one of a-z, 0-9 and _, no two alike and none of `taken`, the same for the same names."""
    used = set(taken)
    slugs = []
    for name in names:
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "_", ascii_name).strip("_")[:MAX_SLUG] or "camera"
        slug, number = stem, 2
        while slug in used:
            slug, number = f"{stem}_{number}", number + 1
        used.add(slug)
        slugs.append(slug)
    return slugs
