"""The document around every page of the admin: it stands in the place of unfold's, with fonts that are cut down."""

import re
from pathlib import Path

import unfold

ROOT = Path(__file__).resolve().parents[4]
FONTS = ROOT / "templates" / "static" / "controlplane" / "fonts"
UNFOLD = Path(unfold.__path__[0])
OURS = ("cameras", "controlplane", "telemetry", "templates")
# Names of icons stand in the element itself, in arguments of components, and in settings.
ELEMENT = re.compile(r"material-symbols-outlined[^>]*>(.*?)</", re.DOTALL)
ARGUMENT = re.compile(r"""\bicon"?['\]]*\s*[=:]\s*["']([a-z0-9_]+)["']|_list_of\(_\([^,]*,\s*"([a-z0-9_]+)\"""")
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", re.DOTALL)
WORD = re.compile(r"[a-z][a-z0-9_]+")


def blocks(skeleton: Path) -> set[str]:
    return set(re.findall(r"\{% (?:block|capture as) ([\w-]+)", skeleton.read_text()))


def test_whatever_a_page_of_unfold_fills_in_has_its_place_in_our_document() -> None:
    name = Path("templates") / "unfold" / "layouts" / "skeleton.html"

    assert blocks(UNFOLD / name) - blocks(ROOT / name) == set()
    assert len(blocks(ROOT / name)) > 15


def texts() -> list[str]:
    paths = [
        path for folder in OURS for path in (ROOT / folder).rglob("*") if path.suffix in (".html", ".py", ".js")
    ]
    paths += [path for folder in ("templates", "contrib/filters") for path in (UNFOLD / folder).rglob("*.html")]
    return [path.read_text() for path in paths]


def icons_in(text: str) -> set[str]:
    elements = (TAG.sub(" ", inner) for inner in ELEMENT.findall(text))
    tags = (re.findall(r"yesno:\"([a-z0-9_,]+)\"", inner) for inner in ELEMENT.findall(text))
    named = {word for inner in elements for word in WORD.findall(inner)}
    named |= {word for found in tags for words in found for word in words.split(",")}
    return named | {word for pair in ARGUMENT.findall(text) for word in pair if word}


def test_every_icon_that_a_page_names_is_in_the_font() -> None:
    named = {icon for text in texts() for icon in icons_in(text)}

    assert len(named) > 60
    assert named - set((FONTS / "icons.txt").read_text().split()) == set(), (
        "add it to icons.txt, and run bin/icons"
    )
