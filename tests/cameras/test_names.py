"""Names: which look the same, which show nothing, and how a text is folded for a search."""

import re
import sys
import unicodedata
from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from hypothesis import given
from hypothesis import strategies as st

from cameras import names
from cameras.models import Camera, Site
from controlplane.access.models import AuditEntry
from tests.factories import make_camera, make_site

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Gate Q", "gate q"),
        ("Gate Q", "Gate\u00a0Q"),
        ("Gate Q", "  Gate \u2003 Q "),
        ("Gate Q", "Gate\u200b Q\u200e\ufeff"),
        ("Gate Q", "Gate\u2800Q"),
        ("Gate 1", "\uff27\uff41\uff54\uff45 \uff11"),
        ("Straße", "STRASSE"),
        ("Café", "Cafe\u0301"),
        ("ﬁre exit", "Fire exit"),
        ("Eingangstor", "Eingangs\u00adtor"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("e\u034f\u0301", "é"),
    ],
)
def test_names_that_look_the_same_have_one_key(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)
    assert names.folded(one) == names.folded(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Gdansk", "Gdańsk"), ("Gate 1", "Gate 11"), ("A B", "AB"), ("и", "й")]
)
def test_names_that_people_tell_apart_have_two_keys(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)


def test_a_long_key_is_cut_and_still_differs() -> None:
    one, other = names.key("\ufdfa" * 200), names.key("\ufdfa" * 199 + "x")

    assert len(one) == len(other) == names.MAX_KEY
    assert one != other


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Gdańsk", "gdansk"),
        ("Łódź Żabieniec", "lodz zabieniec"),
        ("MÜNCHEN", "munchen"),
        ("Straße", "strasse"),
        ("Ørestad", "orestad"),
        ("Đà Nẵng", "da nang"),
        ("Ærø", "aero"),
        ("İstanbul Kapı", "istanbul kapi"),
        ("Þingvellir", "thingvellir"),
        ("Ёлка", "елка"),
        ("ガード", "ガード"),  # a mark that makes another letter of it stays
        ("각", "각"),
    ],
)
def test_a_text_is_folded_to_what_people_type(text: str, typed: str) -> None:
    assert names.folded(text) == unicodedata.normalize("NFC", typed)


@given(TEXTS)
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert names.folded(names.folded(text)) == names.folded(text)
    assert names.key(names.key(text)) == names.key(text)
    assert names.folded(names.key(text)) == names.folded(text) or len(names.key(text)) == names.MAX_KEY


def test_every_character_that_shows_something_leaves_a_key() -> None:
    shown = [one for one in map(chr, range(sys.maxunicode + 1)) if names.is_visible(one)]

    assert len(shown) > 900_000  # those that are not assigned yet may be seen one day
    assert [hex(ord(one)) for one in shown if not names.key(one)] == []


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "\u00a0\u3000", "\u3164", "\u115f\uffa0", "\u2800", "\u00ad", "\ufe0f\u200d", "\u0301", "\u0903",
        "\u200e\u061c", "\U000e0041", "\x07", "\ud800", "\ufffe", "\ufdd0", "\U0001d159", "\u2029",
    ],
)  # fmt: skip
def test_what_shows_nothing_is_no_name(text: str) -> None:
    assert not names.is_visible(text)
    assert names.is_visible(f"{text}1")


@pytest.mark.parametrize("text", ["1", "-", "門", "🚪", "👩‍👧", "é", "e\u0301", "கி", "\U0001fae9", "<b>"])
def test_one_thing_that_is_seen_is_enough(text: str) -> None:
    assert names.is_visible(text)


@pytest.mark.django_db(transaction=True)
def test_the_migration_fills_the_columns_and_tells_sites_apart_that_looked_the_same() -> None:
    north = make_site("North", location="Straße 1")
    camera = make_camera("Gdańsk Q", site=north, location="Pole")
    others = [make_site(name) for name in ("x", "y", "z")]
    for site, name in zip(others, ("north", "NORTH\u00a0", "north (2)"), strict=True):
        Site.objects.filter(pk=site.pk).update(name=name, name_key=None)

    MigrationExecutor(connection).migrate([("cameras", "0008_redacted_by_an_allow_list")])
    call_command("migrate", verbosity=0)

    stored = dict(Site.objects.values_list("pk", "name"))
    assert stored[north.pk] == "North"  # it has the most cameras
    assert stored[others[2].pk] == "north (2)"
    assert sorted(stored[site.pk] for site in others[:2]) in (
        ["NORTH\u00a0 (3)", "north (4)"],
        ["NORTH\u00a0 (4)", "north (3)"],
    )
    assert all(site.name_key == names.key(site.name) for site in Site.objects.all())
    assert AuditEntry.objects.filter(by="command:migrate", action="site.updated", fields=["name"]).count() == 2
    assert Site.objects.get(pk=north.pk).searched == "north\nstrasse 1"
    camera = Camera.objects.get(pk=camera.pk)
    assert (camera.name_key, camera.searched) == ("gdańsk q", "gdansk q\n10.0.0.5:554\npole")


def test_the_longest_name_has_room_for_a_number() -> None:
    migration: Any = import_module("cameras.migrations.0009_names_compared_and_searched")

    numbered = migration._numbered("a" * 200, {names.key(f"{'a' * 192} (2)")})

    assert re.fullmatch(r"a{192} \(3\)", numbered)
    assert len(numbered) <= 200
