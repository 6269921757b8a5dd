"""The rules of zones: what is accepted, the one form that is stored, and what a refusal says."""

import copy
import itertools
import json
import math
import time
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cameras.geometry import EMPTY, MAX_PROBLEMS, InvalidZones, canonical_zones

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]
BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1]]
TRIANGLE = [[0.25, 0.25], [0.5, 0.25], [0.5, 0.5]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings or [SQUARE])}


def line(*points):
    return {"type": "LineString", "coordinates": list(points or [[0, 0], [1, 1]])}


def feature(geometry=None, **members):
    """A Feature; `id` goes next to its geometry, everything else into its properties."""
    own = {"id": members.pop("id")} if "id" in members else {}
    return {"type": "Feature", **own, "properties": members, "geometry": geometry or polygon()}


def collection(*features, **members):
    return {"type": "FeatureCollection", **members, "features": list(features)}


def circle(points, centre=0.5, radius=0.4):
    turns = [2 * math.pi * step / points for step in range(points)]
    return [[centre + radius * math.cos(turn), centre + radius * math.sin(turn)] for turn in turns]


def stored(value):
    """The features as they are stored; on the way it holds that the stored form is a fixed point and JSON."""
    before = copy.deepcopy(value)
    result = canonical_zones(value)
    assert value == before
    again = json.loads(json.dumps(result, allow_nan=False))
    assert json.dumps(canonical_zones(again)) == json.dumps(result)
    return result["features"]


def only(value):
    (one,) = stored(value)
    return one


def problems(value):
    with pytest.raises(InvalidZones) as refused:
        canonical_zones(value)
    found = refused.value.problems
    assert copy.copy(refused.value).problems == found
    assert 1 <= len(found) <= MAX_PROBLEMS
    assert str(refused.value) == " ".join(problem.detail for problem in found)
    return [(problem.path, problem.detail) for problem in found]


def refusal(value):
    (one,) = problems(value)
    return one


def ids(value):
    return [one["id"] for one in stored(value)]


# What is accepted


def test_a_polygon_becomes_a_closed_zone_with_id_name_and_kind():
    assert canonical_zones(polygon()) == {
        "type": "FeatureCollection",
        "units": "normalised",
        "features": [
            {
                "type": "Feature",
                "id": "zone-1",
                "properties": {"name": "zone-1", "kind": "area"},
                "geometry": {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]},
            }
        ],
    }


def test_every_accepted_type_comes_out_as_features():
    assert stored({}) == stored(collection()) == []
    assert stored(polygon()) == stored(feature()) == stored(collection(feature()))
    assert only(line())["properties"] == {"name": "zone-1", "kind": "line"}
    assert only(line())["geometry"] == line()
    hole = only(polygon(SQUARE, TRIANGLE))
    assert hole["geometry"]["coordinates"][1] == [*TRIANGLE, TRIANGLE[0]]


def test_no_zones_are_the_same_empty_collection_but_never_the_same_object():
    first, second = canonical_zones({}), canonical_zones({})
    assert first == second == EMPTY == {"type": "FeatureCollection", "units": "normalised", "features": []}
    first["features"].append("mine")
    assert second == EMPTY


def test_a_multipolygon_is_split_and_its_parts_have_different_names():
    shape = {"type": "MultiPolygon", "coordinates": [[SQUARE], [TRIANGLE], [circle(5)]]}
    yard = feature(shape, name="Yard", color="#ABC", capacity=9, kind="exclusion")
    named = stored(collection(yard, feature()))
    assert [(one["id"], one["properties"]["name"]) for one in named] == [
        ("yard", "Yard"),
        ("yard-2", "Yard 2"),
        ("yard-3", "Yard 3"),
        ("zone-4", "zone-4"),
    ]
    assert named[1]["properties"] == {"name": "Yard 2", "kind": "exclusion", "color": "#abc", "capacity": 9}
    assert ids(shape) == ["zone-1", "zone-2", "zone-3"]
    assert ids(collection(feature(shape, id="X"), feature(id="x-2"))) == ["X", "X-3", "X-4", "x-2"]
    assert only(feature({"type": "MultiPolygon", "coordinates": [[SQUARE]]})) == only(polygon())
    long = stored(feature(shape, id="i" * 64, name="n" * 100))
    assert [len(one["id"]) for one in long] == [64, 62, 62]
    assert {one["properties"]["name"] for one in long} == {"n" * 100, "n" * 96 + " 2", "n" * 96 + " 3"}


def test_members_that_are_not_known_are_dropped_and_null_means_absent():
    value = collection(
        {
            **feature(None, name="A", nosuch=1, capacity=None, color=None, kind=None, id=None),
            "name": "flat",
            "bbox": [0],
        },
        crs={"type": "name", "properties": {"name": "http://169.254.169.254/"}},
        frame=None,
        units=None,
    )
    assert canonical_zones(value) == canonical_zones(feature(name="A"))
    assert canonical_zones({**feature(), "properties": None}) == canonical_zones(polygon())


# Coordinates and units


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (polygon(), "normalised"),
        (polygon([[0, 0], [1.0000000000000002, 0], [1, 1]]), "normalised"),
        (polygon([[0, 0], [1, 0], [1.01, 1.01]]), "normalised"),
        ({**polygon(), "units": "pixels"}, "pixels"),
        ({**polygon(), "units": "normalized"}, "normalised"),
        ({**polygon(), "frame": {"width": 640, "height": 480}}, "normalised"),
        (collection(feature(), feature(line([0, 0], [5, 5])), frame={"width": 640, "height": 480}), "pixels"),
        (collection(units="pixels"), "pixels"),
    ],
)
def test_units_are_given_by_name_or_by_a_frame_and_are_normalised_otherwise(value, units):
    stored(value)
    assert canonical_zones(value)["units"] == units
    assert canonical_zones(value).get("frame") == value.get("frame")


@pytest.mark.parametrize(
    "value",
    [
        polygon([[0, 0], [1, 0], [1.011, 1]]),
        polygon([[0, 0], [100, 0], [50, 100]]),
        collection(feature(), feature(line([0, 0], [5, 5])), feature(polygon([[0, 0], [1920, 0], [1920, 1080]]))),
    ],
)
def test_units_are_asked_for_where_nothing_tells_them(value):
    path, detail = refusal(value)
    assert path == "units"
    assert '"pixels"' in detail
    assert '"frame"' in detail
    only({**polygon([[0, 0], [100, 0], [50, 100]]), "units": "pixels"})


@pytest.mark.parametrize("given", [{}, {"units": "normalised"}])
def test_what_lies_just_beyond_the_picture_is_on_its_border(given):
    clamped = only({**polygon([[0, 0], [1.0000001, 0], [1.01, 1.005], [1.003, 1.002], [0, 1]]), **given})
    assert clamped["geometry"]["coordinates"] == [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]
    assert only({**line([0, 0.5], [1.01, 0.5]), **given})["geometry"]["coordinates"] == [[0, 0.5], [1, 0.5]]


def test_altitudes_are_dropped():
    high = [[x, y, z] for (x, y), z in zip(SQUARE, [0, -3.5, 10**400, 1e300], strict=True)]
    assert only(polygon(high)) == only(polygon())
    assert only(line([0, 0, 7], [1, 1])) == only(line())
    for altitude in (None, "0", True, [0]):
        assert refusal(polygon([*SQUARE, [0.5, 0.5, altitude]]))[0] == "coordinates[0][4]"


def test_a_last_point_on_the_first_one_closes_the_outline():
    for x, y in ((0.1000000001, 0.1), (0.100000001, 0.099999999)):
        ring = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [x, y]]
        for sent in (ring, [*ring, ring[0]], [*ring, ring[-1]]):
            assert only(polygon(sent))["geometry"]["coordinates"] == [[*ring[:4], ring[0]]]
    near = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.1, 0.100000003]]
    assert only(polygon(near))["geometry"]["coordinates"] == [[*near, near[0]]]
    longest = circle(500)
    only(polygon([*longest, [longest[0][0] + 1e-10, longest[0][1]]]))


def test_numbers_stay_as_they_were_sent_but_for_the_sign_of_zero():
    ring = [[0, 0.0], [1e-07, 0], [1, 1.0], [0.1 + 0.2, 5e-1]]
    assert repr(only(polygon(ring))["geometry"]["coordinates"][0]) == repr([*ring, ring[0]])
    assert repr(only(line([-0.0, 0], [1, -0.0]))["geometry"]["coordinates"]) == "[[0.0, 0], [1, 0.0]]"


def test_the_edge_of_the_frame_is_inside_and_what_is_beyond_is_refused():
    frame = {"width": 640, "height": 480}
    inside = [[0, 0], [640, 0], [640.0, 480]]
    assert canonical_zones({**polygon(inside), "frame": frame})["frame"] == frame
    for beyond in ([640.001, 480], [640, 481]):
        path, detail = refusal({**feature(polygon([*inside[:2], beyond]), name="Gate"), "frame": frame})
        assert path == "geometry.coordinates[0][2]"
        assert "Gate" in detail
        assert "640 by 480" in detail
    assert "normalised" in refusal({**polygon(inside), "units": "normalised"})[1]


@pytest.mark.parametrize("edge", [0, 1, 100_000, 100_001, -1, 1.0, True, None, "9"])
def test_a_frame_has_whole_sides_from_1_to_100000(edge):
    value = {**polygon(), "frame": {"width": edge, "height": 9, "depth": 1}}
    if type(edge) is int and edge in (1, 100_000):
        assert canonical_zones(value)["frame"] == {"width": edge, "height": 9}
    else:
        assert refusal(value)[0] == "frame"


@pytest.mark.parametrize(
    "point",
    [
        [0.5],
        [0.5, 0.5, 0.5, 0.5],
        [-1e-9, 0],
        [0, -1],
        [1_000_001, 0],
        [10**400, 0],
        [float("nan"), 0],
        [0, float("inf")],
        [True, 0],
        ["0", 0],
        [None, 0],
        [[0], 0],
        {"x": 0, "y": 0},
        None,
        "00",
        7,
    ],
)
def test_a_point_is_two_numbers_from_0_to_a_million(point):
    path, detail = refusal(collection(feature(), feature(polygon([*SQUARE, point]), name="Gate")))
    assert path == "features[1].geometry.coordinates[0][4]"
    assert detail.startswith('Zone 2 ("Gate"): point 5 ')
    assert refusal(line([0, 0], [1, 1], point))[0] == "coordinates[2]"


def test_a_million_is_still_a_coordinate():
    only({**polygon([[0, 0], [1_000_000, 0], [1_000_000, 1e6]]), "units": "pixels"})


# Shape


def test_rings_come_out_closed_once_and_without_points_repeated_in_a_row():
    closed = [*SQUARE, SQUARE[0]]
    for ring in (SQUARE, closed, [*closed, SQUARE[0]], [SQUARE[0], *SQUARE, SQUARE[3]]):
        assert only(polygon(ring))["geometry"]["coordinates"] == [closed]
    assert only(line([0, 0], [0, 0.0], [1, 1], [1, 1]))["geometry"] == line()
    crossing = line([0, 0], [1, 1], [1, 0], [0, 1], [0, 0])
    assert only(crossing)["geometry"] == crossing


@pytest.mark.parametrize(
    ("geometry", "path", "reason"),
    [
        (polygon(BOW_TIE), "coordinates", "cross or overlap at (0.5, 0.5)"),
        (polygon([[0, 0], [1, 0], [1, 1], [0.5, 0], [0, 1]]), "coordinates", "touches itself at (0.5, 0)"),
        (polygon([[0, 0], [1, 1]]), "coordinates[0]", "three different points"),
        (polygon([[0, 0], [1, 1], [0, 0], [1, 1.0]]), "coordinates[0]", "three different points"),
        (polygon([[0.1, 0.3], [0.2, 0.6], [0.3, 0.9]]), "coordinates[0]", "no area"),
        (polygon(SQUARE, [[0.2, 0.2], [0.4, 0.4], [0.3, 0.3]]), "coordinates[1]", "no area"),
        (polygon(TRIANGLE, [[0.7, 0.7], [0.8, 0.7], [0.8, 0.8]]), "coordinates", "a hole lies outside"),
        (polygon(SQUARE, circle(9, radius=0.4), circle(9, radius=0.2)), "coordinates", "inside another hole"),
        (polygon(SQUARE, [[0, 0.5], [0.5, 0], [1, 0.5], [0.5, 1]]), "coordinates", "into pieces"),
        (polygon(SQUARE, SQUARE), "coordinates", "cross or overlap"),
        (line([0, 0], [0, 0.0]), "coordinates", "two different points"),
        ({"type": "Polygon", "coordinates": []}, "coordinates", "a list of rings"),
        ({"type": "Polygon", "coordinates": [[]]}, "coordinates", "a list of rings"),
        ({"type": "Polygon", "coordinates": None}, "coordinates", "a list of rings"),
        ({"type": "LineString", "coordinates": {}}, "coordinates", "a list of points"),
        ({"type": "MultiPolygon", "coordinates": []}, "", "no Polygon, MultiPolygon or LineString"),
        ({"type": "Polygon"}, "", "no Polygon, MultiPolygon or LineString"),
        ({"type": "Nonsense"}, "", "no Polygon, MultiPolygon or LineString"),
        ({"type": "Point", "coordinates": [0, 0]}, "", "a Point is not accepted"),
        ({"type": "MultiPoint"}, "", "a MultiPoint is not accepted"),
        ({"type": "MultiLineString"}, "", "send several LineStrings"),
        ({"type": "GeometryCollection"}, "", "a GeometryCollection is not accepted"),
    ],
)
def test_a_geometry_that_is_no_zone_is_refused_with_the_zone_the_place_and_the_reason(geometry, path, reason):
    bare_path, bare_detail = refusal(geometry)
    assert bare_path == path
    assert bare_detail.startswith("Zone 1: ")
    assert reason in bare_detail
    inner_path, inner_detail = refusal(collection(feature(), feature(geometry, name="Gate")))
    assert inner_path == "features[1].geometry" + (path and f".{path}")
    assert inner_detail.startswith('Zone 2 ("Gate"): ')


@pytest.mark.parametrize(
    "value",
    [None, [], "", "zones", 0, 1.5, True, [polygon()], {"zones": []}, {"type": None}, {"type": ["Polygon"]}],
)
def test_what_is_no_geojson_is_refused_with_what_is_expected(value):
    path, detail = refusal(value)
    assert path == ""
    assert "FeatureCollection" in detail


@pytest.mark.parametrize("wrong", [None, 5, "Feature", [], {}, polygon(), collection(), {"type": []}])
def test_a_collection_holds_features_only(wrong):
    assert refusal(collection(feature(), wrong))[0] == "features[1]"
    assert refusal({"type": "FeatureCollection", "features": wrong if wrong != [] else None})[0] == "features"


# Limits


def test_a_camera_has_100_zones_and_not_101():
    assert ids(collection(*[feature()] * 100))[-1] == "zone-100"
    assert len(stored({"type": "MultiPolygon", "coordinates": [[SQUARE]] * 100})) == 100
    for many in (
        collection(*[feature()] * 101),
        {"type": "MultiPolygon", "coordinates": [[SQUARE]] * 101},
        collection(*[feature({"type": "MultiPolygon", "coordinates": [[SQUARE]] * 50})] * 2, feature()),
    ):
        assert "100 zones" in refusal(many)[1]


def test_a_zone_has_500_points_and_not_501_and_the_closing_point_does_not_count():
    ring = circle(500)
    only(polygon(ring))
    only(polygon([*ring, ring[0]]))
    only(polygon(circle(400), circle(100, radius=0.1)))
    only(line(*ring))
    more = circle(501)
    for shape in (
        polygon(more),
        polygon([*more, more[0]]),
        polygon(circle(400), circle(101, radius=0.1)),
        line(*more),
        line(*ring, ring[0]),
        polygon(*[[[0, 0]]] * 501),
    ):
        assert "500 points" in refusal(feature(shape, name="Gate"))[1]


def test_hostile_input_is_refused_quickly():
    deep = []
    for _ in range(200_000):
        deep = [deep]
    million = [[0, 0]] * 1_000_000
    hostile = [
        deep,
        {"type": deep},
        polygon(deep),
        polygon([deep, deep]),
        polygon(million),
        line(*million),
        {"type": "Polygon", "coordinates": [[]] * 1_000_000},
        {"type": "Polygon", "coordinates": [[1]] * 1_000_000},
        {"type": "MultiPolygon", "coordinates": million},
        collection(*[feature()] * 1_000_000),
        collection(*million),
        feature(name="n" * 10_000_000, id="i" * 10_000_000, color="#" * 10_000_000, kind="k" * 10_000_000),
        feature(id=10**10_000, name=deep, capacity=10**10_000, kind=deep),
        {**polygon(), "units": deep, "frame": {"width": deep, "height": 10**10_000}},
        {**polygon([[0, 0], [9, 0], [9, 9]]), "units": deep, "frame": {"width": 1, "height": 1}},
        collection(*[feature(polygon(*[[None] * 400] * 400))] * 100),
    ]
    for value in hostile:
        start = time.process_time()
        found = problems(value)
        assert time.process_time() - start < 2
        assert all(len(detail) < 300 for _, detail in found)


# Ids, names and the other properties


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([{}, {}], ["zone-1", "zone-2"]),
        ([{"id": "zone-2"}, {}, {}], ["zone-2", "zone-3", "zone-4"]),
        ([{}, {"name": "Zone 1"}], ["zone-2", "zone-1"]),
        ([{"name": "Gate"}, {"name": "gate!"}, {"id": "Gate-2"}], ["gate", "gate-3", "Gate-2"]),
        ([{"name": "Crème Brûlée (Nord)"}, {"name": "北门"}], ["creme-brulee-nord", "zone-2"]),
        ([{"name": "--_--"}, {"name": "a" * 99}, {"name": "A" * 99}], ["zone-1", "a" * 64, "a" * 60 + "-2"]),
        ([{"id": 0}, {"id": 7}, {"id": None, "name": "B"}], ["0", "7", "b"]),
        ([{"id": "A" * 64}, {"id": "9_-x"}], ["A" * 64, "9_-x"]),
    ],
)
def test_an_id_is_given_or_comes_from_the_name_or_the_number(features, expected):
    assert ids(collection(*[feature(**members) for members in features])) == expected


def test_an_id_is_found_in_the_feature_and_then_in_its_properties():
    own = feature(id="own")
    assert only({**own, "properties": {"id": "inner"}})["id"] == "own"
    assert only({**own, "id": None, "properties": {"id": "inner"}})["id"] == "inner"
    assert only({**own, "id": "own", "properties": {"id": "not a slug"}})["id"] == "own"
    assert refusal({**own, "id": None, "properties": {"id": "not a slug"}})[0] == "properties.id"


def test_two_zones_cannot_have_one_id_in_whatever_case():
    found = problems(collection(feature(id="Gate"), feature(), feature(id="gATE", name="Back")))
    assert [path for path, _ in found] == ["features[0].id", "features[2].id"]
    assert 'Zone 3 ("Back")' in found[1][1]


BAD = [True, 1.0, -1, [], {}, ""]


@pytest.mark.parametrize(
    ("member", "good", "bad"),
    [
        ("id", ["a", "a" * 64, 5], [*BAD, "a" * 65, "-a", "_a", "a b", "a\n", " a", "é", "a.b", 10**64]),
        (
            "name",
            ["n", "n" * 100, "é 北 👩‍👧"],
            [*BAD, 5, " ", "n" * 101, "a\0b", "a\nb", "a\ud800", "a\u202eb", "\u200ea"],
        ),
        (
            "color",
            ["#fff", "#a0b1c2"],
            [*BAD, 5, "fff", "#fffff", "#fffffff", "#fffffffff", "#ggg", "#fffg", "red", "#fff\n"],
        ),
        ("capacity", [1, 1_000_000], [*BAD, 0, 1_000_001, "5", float("nan")]),
        ("kind", ["area", "exclusion"], [*BAD, 5, "line", "AREA", "parking"]),
    ],
)
def test_each_property_has_its_rule(member, good, bad):
    for value in good:
        one = only(feature(**{member: value}))
        assert (one["id"] if member == "id" else one["properties"][member]) in (value, str(value))
    for value in bad:
        path, detail = refusal(collection(feature(), feature(**{member: value})))
        assert path == f"features[1].{'' if member == 'id' else 'properties.'}{member}"
        assert detail.startswith("Zone 2: ")
        assert detail.isprintable()


def test_properties_are_stored_tidy_and_lines_have_a_kind_of_their_own():
    tidy = only(feature(name="  Gate\n", color="#ABCDEF"))["properties"]
    assert tidy == {"name": "Gate", "kind": "area", "color": "#abcdef"}
    assert only(feature(color="#ABCDEF80"))["properties"]["color"] == "#abcdef"
    assert only(feature(color="#AbC8"))["properties"]["color"] == "#abc"
    assert only(feature(line(), kind="line"))["properties"]["kind"] == "line"
    assert refusal(feature(line(), kind="area"))[0] == "properties.kind"
    assert refusal({**feature(), "properties": []})[0] == "properties"


def test_all_faults_are_reported_at_once_up_to_20():
    value = collection(
        feature(name="A\0", color="red", capacity=0, kind="line"),
        feature(polygon(BOW_TIE), id="b"),
        feature({"type": "Point"}, id="!"),
        units="inches",
        frame=[],
    )
    assert [path for path, _ in problems(value)] == [
        "units",
        "frame",
        "features[0].properties.name",
        "features[0].properties.color",
        "features[0].properties.capacity",
        "features[0].properties.kind",
        "features[2].id",
        "features[2].geometry",
        "features[1].geometry.coordinates",
    ]
    assert len(problems(collection(*[5] * 99))) == MAX_PROBLEMS


# What holds for whatever is sent


def turn(a, b, c):
    """Twice the signed area of a triangle, exactly."""
    (ax, ay), (bx, by), (cx, cy) = (tuple(map(Fraction, point)) for point in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def between(a, b, point):
    """Whether a point on the line through a and b lies from a to b."""
    return all(min(a[axis], b[axis]) <= point[axis] <= max(a[axis], b[axis]) for axis in (0, 1))


def meet(a, b, c, d):
    """Whether two segments have a point in common."""
    touches = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    if any(turn(*touch) == 0 and between(*touch) for touch in touches):
        return True
    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0


def is_simple_by_hand(points):
    """Whether a ring, left open, is simple and has an area: each pair of edges is compared, exactly."""
    size = len(points)
    if len({tuple(point) for point in points}) < max(3, size):
        return False
    for one, two in itertools.combinations(range(size), 2):
        a, b, c, d = points[one], points[(one + 1) % size], points[two], points[(two + 1) % size]
        if two == one + 1 or (one == 0 and two == size - 1):
            shared, left, right = (b, a, d) if two == one + 1 else (a, b, c)
            if turn(left, shared, right) == 0 and not between(left, right, shared):
                return False
        elif meet(a, b, c, d):
            return False
    return sum(turn(points[0], b, c) for b, c in itertools.pairwise(points[1:])) != 0


def open_ring(ring):
    points = [point for point, _ in itertools.groupby(ring)]
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
anything = st.recursive(
    scalar, lambda part: st.lists(part) | st.dictionaries(st.text(max_size=4), part), max_leaves=10
)
grid = st.integers(0, 4).map(float) | st.integers(0, 4) | st.sampled_from([0.25, 0.5, 0.75])
grid_ring = st.lists(st.lists(grid, min_size=2, max_size=2), min_size=1, max_size=8)


@st.composite
def stars(draw, most):
    """A ring whose points go once around its centre: simple by construction."""
    size = draw(st.integers(3, most))
    steps = draw(st.lists(st.floats(0.5, 1), min_size=size, max_size=size))
    radii = draw(st.lists(st.floats(0.05, 0.5), min_size=size, max_size=size))
    turns = [2 * math.pi * step / sum(steps) for step in itertools.accumulate(steps)]
    return [
        [0.5 + radius * math.cos(turn) * 0.99, 0.5 + radius * math.sin(turn) * 0.99]
        for turn, radius in zip(turns, radii, strict=True)
    ]


def now_and_then_wrong(strategy):
    return st.one_of(strategy, strategy, strategy, anything)


geometries = st.one_of(
    st.builds(lambda rings: polygon(*rings), st.lists(now_and_then_wrong(grid_ring), min_size=1, max_size=2)),
    stars(8).map(polygon),
    st.lists(stars(8).map(lambda ring: [ring])).map(
        lambda polygons: {"type": "MultiPolygon", "coordinates": polygons},
    ),
    st.builds(lambda points: {"type": "LineString", "coordinates": points}, now_and_then_wrong(grid_ring)),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Polygon", "Point", "Feature", "LineString"]), "coordinates": anything}
    ),
)
properties = st.fixed_dictionaries(
    {},
    optional={
        "name": now_and_then_wrong(st.sampled_from(["Gate", "gate ", "Zone 2", "北门", "x" * 100])),
        "id": now_and_then_wrong(st.sampled_from(["gate", "gate-2", "GATE", 5, "zone-1", "x" * 64])),
        "color": now_and_then_wrong(st.just("#ABC")),
        "capacity": now_and_then_wrong(st.just(10)),
        "kind": now_and_then_wrong(st.just("exclusion")),
    },
)
zone_configs = st.builds(
    lambda features, around: {"type": "FeatureCollection", "features": features, **around},
    now_and_then_wrong(
        st.lists(
            now_and_then_wrong(
                st.builds(
                    lambda inner, geometry: {"type": "Feature", "properties": inner, "geometry": geometry},
                    properties,
                    geometries,
                )
            ),
            max_size=4,
        )
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "units": now_and_then_wrong(st.sampled_from(["pixels", "normalised", "normalized"])),
            "frame": now_and_then_wrong(st.just({"width": 4, "height": 4})),
        },
    ),
)


@settings(max_examples=300, deadline=None)
@given(anything | geometries | zone_configs)
def test_whatever_is_sent_is_stored_in_a_form_that_holds_or_refused_with_reasons(value):
    try:
        features = stored(value)
    except InvalidZones as refused:
        assert refused.problems  # noqa: PT017
        return
    names = [one["id"].lower() for one in features]
    assert len(set(names)) == len(names) <= 100
    for one in features:
        assert set(one) == {"type", "id", "properties", "geometry"}
        if one["geometry"]["type"] == "Polygon":
            for ring in one["geometry"]["coordinates"]:
                assert ring[0] == ring[-1]
                assert is_simple_by_hand(ring[:-1])


@settings(max_examples=500, deadline=None)
@given(grid_ring)
@example(BOW_TIE)
@example([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4]])
@example([[0, 0], [2, 0], [1, 0], [1, 1]])
def test_a_polygon_is_accepted_exactly_when_it_is_simple_and_has_an_area(ring):
    try:
        canonical_zones({**polygon(ring), "units": "pixels"})
    except InvalidZones:
        assert not is_simple_by_hand(open_ring(ring))
    else:
        assert is_simple_by_hand(open_ring(ring))


@settings(deadline=None)
@given(stars(20), st.sampled_from([1, 1000]))
def test_a_star_is_accepted_and_becomes_a_refused_bow_tie_when_two_of_its_points_change_places(star, scale):
    ring = [[x * scale, y * scale] for x, y in star]
    units = "normalised" if scale == 1 else "pixels"
    assert only({**polygon(ring), "units": units})["geometry"]["coordinates"] == [[*ring, ring[0]]]
    swapped = [ring[1], ring[0], *ring[2:]]
    assume(len(ring) > 3 and not is_simple_by_hand(swapped))
    path, detail = refusal(collection(feature(), feature(polygon(swapped), name="Gate"), units=units))
    assert path == "features[1].geometry.coordinates"
    assert detail.startswith('Zone 2 ("Gate"): its ')
