"""YAML as configurations are written in it, read within bounds: sizes are checked before anything is built.

Plain scalars mean what the core schema of YAML 1.2 says (10.3.2), as in Frigate: `on`, `12:30` and `0123` are
texts. Keys are the texts that stand there. A tag that is unknown, as `!secret`, becomes `Tagged`.

Pure: must not import Django, models, or another part of this project but rows.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from cameras.transfer.files.rows import UnreadableFile, shown_key

MAX_DEPTH = 60
# Counted with every alias written out, so that a few lines cannot stand for millions of values.
MAX_NODES = 1_000_000
_TAG = "tag:yaml.org,2002:"
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):
    yaml_implicit_resolvers: dict[str, Any] = {}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        return True


_DIGIT = list("-+.0123456789")
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", _DIGIT),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?", _DIGIT),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _first)
    # Besides its own, of YAML 1.1: what any reader could take for more than a text is written in quotes.
    _Dumper.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})$"), _first)


REFERENCE = "Is a reference (!…) that cannot be followed here; put the value in its place."


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a tag that only the program knows for which the file was written: `!include`, `!secret`."""

    tag: str


class Section(dict[str, Any]):
    """A mapping that knows on which line each of its keys stands."""

    lines: dict[str, int]


def read(text: str) -> Any:
    """The value of a YAML document. Raises UnreadableFile with the line of the fault."""
    try:
        return _read(text)
    except UnreadableFile:
        if "\t" not in text:
            raise
        # A tab between words or before a comment is not YAML, but editors put it there; one that indents stays a
        # fault.
        return _read(re.sub(r"(?m)^[ \t]*\t[ \t]*(?=#|$)|(?<=[^\s])[ ]*\t[ \t]*", " ", text))


def dump(value: Any) -> str:
    """The value as YAML, its keys in their order."""
    return str(yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000))


def _read(text: str) -> Any:
    try:
        _check_bounds(yaml.parse(text, Loader=_Loader))
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise UnreadableFile(_told(error)) from None
    return _Builder().build(node) if node else None


def _check_bounds(events: Iterable[Any]) -> None:
    """Count what the events stand for, aliases written out, and stop at the first that is too much."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > MAX_DEPTH:
                raise UnreadableFile(f"Line {_line(event)}: the YAML is nested deeper than {MAX_DEPTH} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise UnreadableFile(f"Line {_line(event)}: an alias (*) names no anchor (&) before it.")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor:
                sizes[event.anchor] = 1
        if total > MAX_NODES:
            raise UnreadableFile(f"Line {_line(event)}: the YAML stands for more than {MAX_NODES:,} values.")


def _line(place: Any) -> int:
    return int(place.start_mark.line) + 1


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or "it holds characters that YAML does not allow")
    if "'\\t'" in problem or "tab" in problem:
        problem = "it is indented with a tab; use spaces"
    # What stands in quotes is of the file, and could be of a password.
    problem = re.sub(r"'[^']*'|\"[^\"]*\"", "…", problem)
    return (
        f"The file is no YAML, at line {mark.line + 1}: {problem}." if mark else f"The file is no YAML: {problem}."
    )


_SCALARS: dict[str, Callable[[str], Any]] = {
    _TAG + "null": lambda text: None,
    _TAG + "bool": lambda text: text.lower() == "true",
    _TAG + "int": int,
    _TAG + "float": float,
    _TAG + "str": str,
    _TAG + "merge": str,
    _TAG + "value": str,
}


class _Builder:
    """Makes values of nodes; what an alias repeats is made once."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}

    def build(self, node: yaml.Node) -> Any:
        if id(node) not in self._made:
            self._made[id(node)] = self._build(node)
        return self._made[id(node)]

    def _build(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._section(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(inner) for inner in node.value]
        try:
            return _SCALARS[node.tag](node.value) if node.tag in _SCALARS else Tagged(node.tag)
        except ValueError:
            raise UnreadableFile(f"Line {_line(node)}: the value is not of the type that its tag names.") from None

    def _section(self, node: yaml.MappingNode) -> Section:
        own, merged = Section(), Section()
        own.lines, merged.lines = {}, {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # `password: {{…}}` without quotes: nothing that is asked for has such a key
            if key.tag == _TAG + "merge":
                self._merge(merged, self.build(value), _line(key))
            elif key.value in own:
                raise UnreadableFile(f"Line {_line(key)}: the key {shown_key(key.value)} stands here twice.")
            else:
                own[key.value], own.lines[key.value] = self.build(value), _line(key)
        for name, value in merged.items():
            if name not in own:
                own[name], own.lines[name] = value, merged.lines[name]
        return own

    def _merge(self, merged: Section, value: Any, line: int) -> None:
        sections = value if isinstance(value, list) else [value]
        if not all(isinstance(section, Section) for section in sections):
            raise UnreadableFile(f"Line {line}: what << takes in must be a mapping.")
        for section in sections:
            for name, inner in section.items():
                if name not in merged:
                    merged[name], merged.lines[name] = inner, line
