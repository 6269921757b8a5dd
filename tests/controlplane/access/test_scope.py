"""Scopes: what they cover, in Python and as a condition on rows."""

from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cameras.models import Camera, Change
from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope
from tests.factories import make_camera, make_site, scope_of

NORTH, SOUTH, GATE, YARD = (UUID(int=number) for number in range(1, 5))
OF_NORTH, OF_GATE = Scope(frozenset({NORTH})), Scope(cameras=frozenset({GATE}))

#: scope, camera, its site, covered
COVERED = [
    (WHOLE_FLEET, GATE, NORTH, True),
    (WHOLE_FLEET, GATE, None, True),
    (WHOLE_FLEET, None, NORTH, True),
    (WHOLE_FLEET, None, None, True),
    (OF_NORTH, GATE, NORTH, True),
    (OF_NORTH, GATE, SOUTH, False),
    (OF_NORTH, GATE, None, False),
    (OF_NORTH, None, NORTH, True),
    (OF_NORTH, None, SOUTH, False),
    (OF_NORTH, None, None, False),
    (OF_GATE, GATE, SOUTH, True),
    (OF_GATE, GATE, None, True),
    (OF_GATE, YARD, SOUTH, False),
    (OF_GATE, None, SOUTH, False),
    (OF_GATE, None, None, False),
    (OF_NORTH | OF_GATE, GATE, SOUTH, True),
    (OF_NORTH | OF_GATE, YARD, NORTH, True),
    (OF_NORTH | OF_GATE, YARD, SOUTH, False),
    (NOWHERE, GATE, NORTH, False),
    (NOWHERE, GATE, None, False),
    (NOWHERE, None, None, False),
]


@pytest.mark.parametrize(("scope", "camera", "site", "covered"), COVERED)
def test_a_scope_covers_what_the_table_says(
    scope: Scope, camera: UUID | None, site: UUID | None, covered: bool
) -> None:
    assert scope.covers(camera, site) is covered


#: one, the other, whether the one includes the other where GATE stands at NORTH and YARD at no site
INCLUDED = [
    (WHOLE_FLEET, WHOLE_FLEET, True),
    (WHOLE_FLEET, OF_NORTH | OF_GATE, True),
    (OF_NORTH, WHOLE_FLEET, False),
    (OF_NORTH, OF_NORTH, True),
    (OF_NORTH, Scope(frozenset({NORTH, SOUTH})), False),
    (OF_NORTH, OF_GATE, True),
    (OF_NORTH, Scope(cameras=frozenset({GATE, YARD})), False),
    (OF_GATE, OF_GATE, True),
    (OF_GATE, OF_NORTH, False),
    (NOWHERE, OF_GATE, False),
    (NOWHERE, NOWHERE, True),
]


@pytest.mark.parametrize(("one", "other", "included"), INCLUDED)
def test_a_scope_includes_what_the_table_says(one: Scope, other: Scope, included: bool) -> None:
    assert one.includes(other, {GATE: NORTH, YARD: None}) is included


SITES, CAMERAS = [uuid4() for _ in range(3)], [uuid4() for _ in range(6)]
SCOPES = st.builds(
    Scope, st.frozensets(st.sampled_from(SITES)), st.frozensets(st.sampled_from(CAMERAS)), st.booleans()
)


@given(one=SCOPES, other=SCOPES)
def test_a_union_covers_what_either_covers_and_no_more(one: Scope, other: Scope) -> None:
    for place in product([*CAMERAS, None], [*SITES, None]):
        assert (one | other).covers(*place) == (one.covers(*place) or other.covers(*place))


@pytest.mark.django_db
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_condition_on_rows_holds_for_those_that_are_covered(fleet: list[Camera], data: st.DataObject) -> None:
    places = st.lists(st.sampled_from([*fleet, *(camera.site for camera in fleet if camera.site)]), min_size=1)
    scopes = st.one_of(st.just(WHOLE_FLEET), st.just(NOWHERE), places.map(lambda some: scope_of(*some)))
    one, other = data.draw(scopes), data.draw(scopes)
    covered = {camera.pk for camera in fleet if one.covers(camera.pk, camera.site_id)}
    of_other = {camera.pk for camera in fleet if other.covers(camera.pk, camera.site_id)}
    everything = {camera.pk for camera in fleet}

    def found(condition: object) -> set[UUID]:
        return set(Camera.objects.filter(condition).values_list("pk", flat=True))

    assert found(one.as_q()) == covered
    assert found(one.as_q() | other.as_q()) == covered | of_other
    assert found(one.as_q() & other.as_q()) == covered & of_other
    assert found(~one.as_q()) == everything - covered
    of_changes = Change.objects.filter(one.as_q("camera_id", "site_after")).values_list("camera_id", flat=True)
    assert set(of_changes) == covered


@pytest.fixture
def fleet(db: None) -> list[Camera]:
    """Two cameras at each of two sites, and two under none."""
    sites = [make_site("North"), make_site("South"), None]
    return [make_camera(f"{n}", site=site) for site in sites for n in range(2)]


def test_the_whole_fleet_is_no_condition_and_nowhere_asks_no_database() -> None:
    """Without `django_db`, a query fails."""
    assert "WHERE" not in str(Camera.objects.filter(WHOLE_FLEET.as_q()).query)
    assert list(Camera.objects.filter(NOWHERE.as_q())) == []
