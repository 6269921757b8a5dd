"""How the difference of a change is shown: field by field, before and after, a secret only as changed."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cameras.admin import json_text
from cameras.fields import CAMERA_FIELDS, by_name
from cameras.models import Change, ChangeKind, Site
from cameras.rules import parse_uuid
from controlplane.access.principals import Principal

_FIELDS = by_name(CAMERA_FIELDS)
# Longer values are left out of lists.
SHORT = 24
SHOWN_AT_MOST = 20_000
# Comparing line by line takes time by the square of the lines; longer texts are shown side by side.
COMPARED_LINES = 1_000
# A site that the reader may not see.
ELSEWHERE = _("another site")


def label_of(name: str) -> str:
    """The label of a field. The log may name fields that cameras no longer have."""
    return str(_FIELDS[name].label) if name in _FIELDS else name.replace("_", " ")


def in_short(diff: Mapping[str, Any]) -> str:
    """One line: the fields, with their values where those are short."""
    return "; ".join(_field_in_short(name, entry) for name, entry in diff.items())


def what_changed(change: Change) -> str:
    """One line on a change of one camera: its fields, or that the camera was made or deleted."""
    return in_short(change.diff) if change.kind == ChangeKind.UPDATED else str(change.get_kind_display())


def _field_in_short(name: str, entry: dict[str, Any]) -> str:
    if address := entry.get("address"):
        before, after = address["before"], address["after"]
        return f"{label_of(name)}: {before} → {after}" if before != after else f"{label_of(name)} ({after})"
    before, after = entry.get("before"), entry.get("after")
    with_values = name != "site" and all(
        isinstance(value, str | int) and len(str(value)) <= SHORT for value in (before, after)
    )
    return f"{label_of(name)}: {before} → {after}" if with_values else label_of(name)


def site_names(diffs: Iterable[Mapping[str, Any]], principal: Principal) -> dict[UUID, str]:
    """What the sites in differences are called, by id: one query, or none without sites.

    One that the principal may not see has neither its name nor its id in the words for it.
    """
    ids = {site_id for diff in diffs for value in diff.get("site", {}).values() if (site_id := parse_uuid(value))}
    if not ids:
        return {}
    names = dict(Site.objects.visible_to(principal).filter(pk__in=ids).values_list("pk", "name"))
    unnamed = {} if principal.scope_for("cameras.view_site").is_whole else dict.fromkeys(ids, ELSEWHERE)
    return {site_id: str(name) for site_id, name in {**unnamed, **names}.items()}


def table_of(diff: Mapping[str, Any], sites: Mapping[UUID, str]) -> SafeString | str:
    """A table of all fields of one difference."""
    if not diff:
        return "–"
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        ((label_of(name), _cells(name, entry, sites)) for name, entry in diff.items()),
    )
    return format_html(
        '<table class="cp-diff"><colgroup><col class="cp-field-column"></colgroup>'
        '<thead class="cp-quiet"><tr><th scope="col">{}</th>'
        '<th scope="col">{}</th><th scope="col">{}</th>'
        "</tr></thead><tbody>{}</tbody></table>",
        gettext("Field"),
        gettext("Before"),
        gettext("After"),
        rows,
    )


def _cells(name: str, entry: dict[str, Any], sites: Mapping[UUID, str]) -> SafeString:
    if address := entry.get("address"):
        if address["before"] == address["after"]:
            words = gettext("changed at %(address)s; secrets are not kept here") % {"address": address["after"]}
            return format_html('<td colspan="2">{}</td>', words)
        kept = gettext("secrets are not kept here")
        return format_html(
            '<td>{}</td><td>{}<span class="cp-under">{}</span></td>', address["before"], address["after"], kept
        )
    if "after" not in entry:
        return format_html('<td colspan="2">{}</td>', gettext("changed; secrets are not kept here"))
    before, after = entry.get("before"), entry["after"]
    compared = _compared(before, after)
    if compared:
        return format_html('<td colspan="2">{}</td>', compared)
    return format_html("<td>{}</td><td>{}</td>", *(value_of(name, value, sites) for value in (before, after)))


def _compared(before: Any, after: Any) -> SafeString | None:
    """Two structures line by line, only what differs with two lines around it."""
    if not (isinstance(before, dict | list) and isinstance(after, dict | list)):
        return None
    return compared_lines(json_text.pretty(before), json_text.pretty(after))


def compared_lines(before: str, after: str) -> SafeString | None:
    """Two texts line by line, what differs and two lines around it; None where they are too long for that."""
    old, new = before.split("\n"), after.split("\n")
    if len(old) + len(new) > COMPARED_LINES:
        return None
    # Skips the two lines that name files, and the place of the first difference.
    lines = list(difflib.unified_diff(old, new, n=2, lineterm=""))[3:]
    marks = {"+": "cp-added", "-": "cp-removed", "@": "cp-place"}
    shown = ((marks.get(line[:1], ""), "⋯" if line.startswith("@@") else line) for line in lines)
    return format_html(
        '<pre class="cp-json" tabindex="0">{}</pre>', format_html_join("\n", '<span class="{}">{}</span>', shown)
    )


def value_of(name: str, value: Any, sites: Mapping[UUID, str]) -> SafeString | str:
    """One value as HTML, by the kind of its field."""
    if value is None or value in ("", {}):
        return format_html('<span class="cp-none">{}</span>', gettext("nothing"))
    if isinstance(value, dict | list):
        text = json_text.pretty(value)
        if len(text) > SHOWN_AT_MOST:
            text = text[:SHOWN_AT_MOST] + "\n…"
        return format_html('<pre class="cp-json" tabindex="0">{}</pre>', text)
    if name == "site":
        site_id = parse_uuid(value)
        known = sites.get(site_id) if site_id else None
        return format_html("<bdi>{}</bdi>", known or gettext("a site that is gone (%(id)s)") % {"id": value})
    choices = dict(_FIELDS[name].choices) if name in _FIELDS else {}
    if value in choices:
        return str(choices[value])
    return format_html('<bdi class="cp-text">{}</bdi>', value)
