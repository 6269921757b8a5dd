import { deepEqual, equal, notEqual } from "node:assert/strict";
import { describe, test } from "node:test";

import * as zones from "../../cameras/static/cameras/zone_editor/zones.js";

const SQUARE = [
  [0.1, 0.1],
  [0.5, 0.1],
  [0.5, 0.5],
  [0.1, 0.5],
];
const HOLE = [
  [0.2, 0.2],
  [0.3, 0.2],
  [0.3, 0.3],
];
const LINE = [
  [0.2, 0.2],
  [0.8, 0.8],
];

const polygon = (rings, more = {}) => ({ id: "", properties: {}, shape: "Polygon", rings, ...more });
const line = (ring, more = {}) => ({ id: "", properties: {}, shape: "LineString", rings: [ring], ...more });
const pictureWith = (...list) => ({ ...zones.EMPTY, zones: list });
const feature = (type, coordinates, more = {}) => ({
  type: "Feature",
  properties: {},
  geometry: { type, coordinates },
  ...more,
});
const collection = (features, more = {}) => JSON.stringify({ type: "FeatureCollection", features, ...more });

// Every edit must leave the picture that the history holds as it was.
function frozen(value) {
  if (typeof value !== "object" || value === null) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

describe("read", () => {
  for (const text of ["", "  \n", "{}"]) {
    test(`takes ${JSON.stringify(text)} for no zones`, () => equal(zones.read(text), zones.EMPTY));
  }

  const UNREADABLE = {
    "text that is no JSON": "{",
    "a list": "[]",
    null: "null",
    "another type": '{"type": "Feature"}',
    "features that are no list": '{"type": "FeatureCollection", "features": {}}',
    "a feature that is none": collection([{ type: "Polygon" }]),
    "a feature without a geometry": collection([{ type: "Feature", geometry: null }]),
    "a shape that cannot be drawn": collection([feature("MultiPoint", SQUARE)]),
    "a shape named like a method": collection([feature("toString", SQUARE)]),
    "a polygon without rings": collection([feature("Polygon", [])]),
    "an empty ring": collection([feature("Polygon", [[]])]),
    "a point of three numbers": collection([
      feature("LineString", [
        [0, 0, 0],
        [1, 1, 1],
      ]),
    ]),
    "a point of texts": collection([
      feature("LineString", [
        ["0", "0"],
        ["1", "1"],
      ]),
    ]),
    "one good zone beside a bad one": collection([feature("Polygon", [SQUARE]), feature("Point", [0, 0])]),
  };
  for (const [what, text] of Object.entries(UNREADABLE)) {
    test(`leaves ${what} to be typed`, () => equal(zones.read(text), null));
  }

  test("and so does pictureOf, which throws nothing", () => {
    equal(zones.pictureOf({ type: "FeatureCollection", features: [feature("MultiPoint", SQUARE)] }), null);
  });

  test("opens closed rings, and leaves open ones and lines as they are", () => {
    const closed = [...SQUARE, SQUARE[0]];
    const ends = [...LINE, LINE[0]];
    const picture = zones.read(collection([feature("Polygon", [closed, HOLE]), feature("LineString", ends)]));

    deepEqual(
      picture.zones.map((zone) => zone.rings),
      [[SQUARE, HOLE], [ends]],
    );
  });

  test("keeps ids that are texts, and properties that are objects", () => {
    const picture = zones.read(
      collection([
        feature("Polygon", [SQUARE], { id: "gate", properties: { name: "Gate", vendor: 7 } }),
        feature("Polygon", [SQUARE], { id: 7, properties: null }),
      ]),
    );

    deepEqual(
      picture.zones.map(({ id, properties }) => [id, properties]),
      [
        ["gate", { name: "Gate", vendor: 7 }],
        ["", {}],
      ],
    );
  });

  const inPixels = [
    feature("LineString", [
      [0, 0],
      [640, 360],
    ]),
  ];
  const UNITS = [
    ["numbers up to 1", [feature("Polygon", [SQUARE])], {}, "normalised"],
    [
      "a number that was rounded past the border",
      [
        feature("LineString", [
          [0, 0],
          [1, 1.01],
        ]),
      ],
      {},
      "normalised",
    ],
    ["a frame with larger numbers", inPixels, { frame: { width: 640, height: 480 } }, "pixels"],
    ["units that are named", [feature("Polygon", [SQUARE])], { units: "pixels" }, "pixels"],
    ["units that are named against the numbers", inPixels, { units: "normalised" }, "normalised"],
  ];
  test("guesses no units of larger numbers without a frame", () => equal(zones.read(collection(inPixels)), null));
  for (const [what, features, more, units] of UNITS) {
    test(`goes by ${what}: ${units}`, () => equal(zones.read(collection(features, more)).units, units));
  }

  const FRAMES = [
    [
      { width: 640, height: 360 },
      { width: 640, height: 360 },
    ],
    [{ width: 0, height: 360 }, null],
    [{ width: 640 }, null],
    [[640, 360], null],
    [undefined, null],
  ];
  for (const [frame, expected] of FRAMES) {
    test(`takes the frame ${JSON.stringify(frame)} for ${JSON.stringify(expected)}`, () =>
      deepEqual(zones.read(collection([], { frame })).frame, expected));
  }
});

describe("write", () => {
  test("closes the rings of polygons, and writes each point on one line", () => {
    const text = zones.write(pictureWith(polygon([HOLE], { id: "gate", properties: { name: "Gate" } })));

    equal(
      text,
      `{
  "type": "FeatureCollection",
  "units": "normalised",
  "features": [
    {
      "type": "Feature",
      "id": "gate",
      "properties": {
        "name": "Gate"
      },
      "geometry": {
        "type": "Polygon",
        "coordinates": [
          [
            [0.2, 0.2],
            [0.3, 0.2],
            [0.3, 0.3],
            [0.2, 0.2]
          ]
        ]
      }
    }
  ]
}`,
    );
  });

  const PICTURES = {
    "no zones": pictureWith(),
    "a polygon with a hole": pictureWith(polygon([SQUARE, HOLE], { id: "a" })),
    "a line": pictureWith(line(LINE)),
    "a frame in pixels": {
      units: "pixels",
      frame: { width: 640, height: 360 },
      zones: [
        line([
          [0, 0],
          [640, 360],
        ]),
      ],
    },
    "foreign properties": pictureWith(
      line(LINE, { properties: { direction: "[ 1,\n 2 ]", nested: { a: [1, 2] } } }),
    ),
    "numbers that JSON writes with an exponent": pictureWith(
      line([
        [1e-7, -1e-7],
        [1, 1],
      ]),
    ),
  };
  for (const [what, picture] of Object.entries(PICTURES)) {
    test(`is read back as it was: ${what}`, () => deepEqual(zones.read(zones.write(picture)), picture));
  }
});

describe("names and kinds", () => {
  const NAMES = [
    [{ properties: { name: "Gate" }, id: "g" }, "Gate"],
    [{ properties: { name: "  " }, id: "g" }, "g"],
    [{ properties: { name: 7 }, id: "" }, "3"],
  ];
  for (const [zone, name] of NAMES) {
    test(`${JSON.stringify(zone)} in the third place is called ${name}`, () => equal(zones.nameOf(zone, 2), name));
  }

  const KINDS = [
    [line(LINE, { properties: { kind: "exclusion" } }), "line"],
    [polygon([SQUARE], { properties: { kind: "exclusion" } }), "exclusion"],
    [polygon([SQUARE], { properties: { kind: "unheard of" } }), "area"],
    [polygon([SQUARE]), "area"],
  ];
  for (const [zone, kind] of KINDS) {
    test(`a ${zone.shape} of the kind ${zone.properties.kind} is drawn as ${kind}`, () =>
      equal(zones.kindOf(zone), kind));
  }
});

describe("edits return another picture and leave the old one alone", () => {
  const before = frozen(pictureWith(polygon([SQUARE, HOLE], { id: "a", properties: { name: "A" } }), line(LINE)));
  const ringsAfter = (picture, index = 0) => picture.zones[index].rings;
  const at = (zone, ring, point) => ({ zone, ring, point });

  test("a zone is added behind the others", () => {
    deepEqual(
      zones.withZone(before, line(LINE, { id: "new" })).zones.map((zone) => zone.id),
      ["a", "", "new"],
    );
  });

  test("a zone is removed", () => deepEqual(zones.withoutZone(before, 0).zones, [before.zones[1]]));

  test("a property is set, and goes where it is undefined", () => {
    const named = zones.withProperty(before, 0, "capacity", 5);

    deepEqual(named.zones[0].properties, { name: "A", capacity: 5 });
    equal(zones.write(zones.withProperty(named, 0, "capacity", undefined)), zones.write(before));
  });

  test("a point is moved in its ring alone", () => {
    const moved = zones.withPoint(before, at(0, 1, 2), [0.9, 0.9]);

    deepEqual(ringsAfter(moved), [SQUARE, [HOLE[0], HOLE[1], [0.9, 0.9]]]);
    equal(moved.zones[1], before.zones[1]);
  });

  test("a point is put in after another, the last included", () => {
    deepEqual(ringsAfter(zones.withPointAfter(before, at(0, 1, 0), [0.25, 0.2]))[1][1], [0.25, 0.2]);
    deepEqual(ringsAfter(zones.withPointAfter(before, at(0, 1, 2), [0.25, 0.25]))[1].at(-1), [0.25, 0.25]);
  });

  test("a point of a ring with more than it needs is removed", () => {
    deepEqual(ringsAfter(zones.withoutPoint(before, at(0, 0, 0)))[0], SQUARE.slice(1));
  });

  test("a hole that would have too few points goes as a whole", () => {
    deepEqual(ringsAfter(zones.withoutPoint(before, at(0, 1, 0))), [SQUARE]);
  });

  test("a shape that would have too few points stays", () => {
    equal(zones.withoutPoint(before, at(1, 0, 0)), null);
    equal(zones.withoutPoint(pictureWith(polygon([HOLE])), at(0, 0, 0)), null);
  });
});

describe("zones of another picture", () => {
  const unit = { width: 1, height: 1 };
  const vga = { width: 640, height: 480 };
  const other = frozen(pictureWith(polygon([SQUARE], { id: "Gate" }), line(LINE, { id: "b" })));

  test("become the picture where it says nothing yet", () => {
    equal(zones.withZonesOf(zones.EMPTY, other, unit, unit), other);
  });

  test("stand behind its own, without an id that is taken in any case of letters", () => {
    const joined = zones.withZonesOf(pictureWith(line(LINE, { id: "gate" })), other, unit, unit);

    deepEqual(
      joined.zones.map((zone) => zone.id),
      ["gate", "", "b"],
    );
    equal(joined.zones[1].rings, other.zones[0].rings);
  });

  test("come over in the units of the picture, in whole pixels", () => {
    const pixels = frozen({ units: "pixels", frame: vga, zones: [] });
    const joined = zones.withZonesOf(pixels, other, vga, unit);

    notEqual(joined, other);
    deepEqual(joined.zones[1].rings, [
      [
        [128, 96],
        [512, 384],
      ],
    ]);
  });
});

describe("rounded", () => {
  const CASES = [
    [0.123449, "normalised", 0.1234],
    [0.12345, "normalised", 0.1235],
    [12.49, "pixels", 12],
    [12.5, "pixels", 13],
  ];
  for (const [number, units, expected] of CASES) {
    test(`${number} in ${units} units is ${expected}`, () => equal(zones.rounded(number, units), expected));
  }
});
