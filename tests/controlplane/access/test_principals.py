"""Roles, and what grants come to."""

from uuid import UUID

import pytest

from controlplane.access.principals import (
    ADMINISTRATOR,
    ORCHESTRATOR,
    VIEWER,
    WORKER,
    Grant,
    Principal,
    Role,
    grants_of,
)
from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope

NORTH, SOUTH, GATE = (UUID(int=number) for number in range(1, 4))
AT_NORTH, AT_SOUTH, WITH_GATE = (
    Scope(frozenset({NORTH})), Scope(frozenset({SOUTH})), Scope(cameras=frozenset({GATE})),
)  # fmt: skip
OPERATE, VIEW, REVEAL = "cameras.operate_camera", "cameras.view_camera", "cameras.reveal_camera"


def holder(*grants: Grant) -> Principal:
    return Principal("user:7", "user:olga", grants)


def test_every_role_may_do_something() -> None:
    assert [role for role in Role if not role.permissions] == []


def test_a_permission_holds_where_the_grants_that_contain_it_hold_and_nowhere_else() -> None:
    olga = holder(Grant(Role.OPERATOR.permissions, AT_NORTH), Grant(VIEWER, AT_SOUTH))

    assert olga.scope_for(OPERATE) == AT_NORTH
    assert olga.scope_for(VIEW) == AT_NORTH | AT_SOUTH
    assert olga.scope_for(REVEAL) == NOWHERE
    assert [olga.has_perm(permission) for permission in (OPERATE, VIEW, REVEAL)] == [True, True, False]


def test_a_grant_of_the_whole_fleet_takes_nothing_from_another() -> None:
    olga = holder(Grant(VIEWER, WHOLE_FLEET), Grant(Role.OPERATOR.permissions, AT_NORTH))

    assert (olga.scope_for(VIEW), olga.scope_for(OPERATE)) == (WHOLE_FLEET, AT_NORTH)


def test_what_is_granted_nowhere_is_not_held() -> None:
    assert not holder(Grant(ADMINISTRATOR, NOWHERE)).has_perm(VIEW)


def test_a_bound_worker_reads_and_watches_what_it_is_bound_to_and_another_only_posts() -> None:
    bound, unbound = (holder(*grants_of(Role.WORKER, scope)) for scope in (AT_NORTH | WITH_GATE, WHOLE_FLEET))

    assert bound.scope_for("telemetry.report_sample") == AT_NORTH | WITH_GATE
    reading = (VIEW, REVEAL, "cameras.list_camera", "cameras.view_change")
    assert {bound.scope_for(permission) for permission in reading} == {AT_NORTH | WITH_GATE}
    assert unbound.scope_for("telemetry.report_sample") == WHOLE_FLEET
    assert not any(unbound.has_perm(permission) for permission in reading)


MAKER = frozenset({"access.add_apitoken"})
#: what the giver holds, the role and scope that are given, whether they may; GATE stands at NORTH
GIVEN = [
    ([Grant(ADMINISTRATOR, WHOLE_FLEET)], Role.ADMINISTRATOR, WHOLE_FLEET, True),
    ([Grant(ADMINISTRATOR, WHOLE_FLEET)], Role.WORKER, WITH_GATE, True),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.VIEWER, WHOLE_FLEET, False),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.ADMINISTRATOR, AT_NORTH | WITH_GATE, True),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.VIEWER, AT_NORTH | AT_SOUTH, False),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.WORKER, AT_NORTH, True),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.WORKER, AT_SOUTH, False),
    ([Grant(VIEWER | MAKER, WHOLE_FLEET)], Role.OPERATOR, AT_NORTH, False),
    ([Grant(VIEWER | MAKER, WHOLE_FLEET)], Role.WORKER, WHOLE_FLEET, True),
    ([Grant(VIEWER | MAKER, WHOLE_FLEET)], Role.WORKER, WITH_GATE, False),
    ([Grant(ADMINISTRATOR, AT_NORTH), Grant(VIEWER, AT_SOUTH)], Role.VIEWER, AT_NORTH | AT_SOUTH, False),
    ([Grant(ADMINISTRATOR, AT_NORTH), Grant(VIEWER, AT_SOUTH)], Role.VIEWER, AT_NORTH, True),
    ([Grant(ADMINISTRATOR, AT_NORTH), Grant(VIEWER, AT_SOUTH)], Role.OPERATOR, AT_NORTH | AT_SOUTH, False),
    ([Grant(WORKER, WHOLE_FLEET)], Role.WORKER, WHOLE_FLEET, False),
    ([Grant(ORCHESTRATOR, WHOLE_FLEET)], Role.WORKER, WHOLE_FLEET, True),
    ([Grant(ORCHESTRATOR, WHOLE_FLEET)], Role.VIEWER, AT_NORTH, False),
    ([Grant(ORCHESTRATOR, WHOLE_FLEET)], Role.ORCHESTRATOR, AT_NORTH, False),
    ([Grant(ORCHESTRATOR, AT_NORTH)], Role.WORKER, WHOLE_FLEET, False),
    ([Grant(ORCHESTRATOR, AT_NORTH)], Role.WORKER, WITH_GATE, True),
    ([Grant(ORCHESTRATOR, AT_SOUTH)], Role.WORKER, WITH_GATE, False),
    ([Grant(ADMINISTRATOR, WHOLE_FLEET)], Role.ORCHESTRATOR, WHOLE_FLEET, True),
    ([Grant(ADMINISTRATOR, AT_NORTH)], Role.ORCHESTRATOR, WHOLE_FLEET, False),
]


@pytest.mark.parametrize(("held", "role", "scope", "may"), GIVEN)
def test_nobody_gives_what_they_do_not_hold_where_they_do_not_hold_it(
    held: list[Grant], role: Role, scope: Scope, may: bool
) -> None:
    assert holder(*held).may_give(role, scope, {GATE: NORTH}) is may
