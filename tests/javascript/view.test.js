import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "node:test";

import { MARGIN, View, between, distance, extentOf } from "../../cameras/static/cameras/zone_editor/view.js";
import { EMPTY } from "../../cameras/static/cameras/zone_editor/zones.js";

const pixelsTo = (...place) => ({
  units: "pixels",
  frame: null,
  zones: [{ id: "", properties: {}, shape: "LineString", rings: [[[0, 0], place]] }],
});

describe("the extent of a picture", () => {
  const CASES = [
    ["normalised, whatever its frame", { ...EMPTY, frame: { width: 640, height: 360 } }, null, [1, 1]],
    ["in pixels, with a frame", { ...pixelsTo(10, 10), frame: { width: 9, height: 8 } }, null, [9, 8]],
    ["that fits the smallest usual frame", pixelsTo(640, 480), null, [640, 480]],
    ["a pixel too wide for it", pixelsTo(641, 480), null, [1280, 720]],
    ["a pixel too high for it", pixelsTo(640, 481), null, [1280, 720]],
    ["that fits the still under it", pixelsTo(700, 500), { width: 704, height: 576 }, [704, 576]],
    ["that is larger than the still under it", pixelsTo(700, 500), { width: 352, height: 288 }, [1280, 720]],
    ["larger than every usual frame", pixelsTo(5000, 100), null, [5000, 100]],
  ];
  for (const [what, picture, still, [width, height]] of CASES) {
    test(`${what}: ${width} by ${height}`, () => deepEqual(extentOf(picture, still), { width, height }));
  }
});

// A picture of 1000 by 500 CSS pixels, in units of the picture or in pixels of the camera.
function viewOf(units, extent) {
  const view = new View();
  view.fit(1000 + 2 * MARGIN, 2, { units }, extent);
  return view;
}
const normalised = () => viewOf("normalised", { width: 1, height: 1 });
const inPixels = () => viewOf("pixels", { width: 2000, height: 1000 });

describe("places on the screen", () => {
  const CASES = [
    [normalised(), [0, 0], [0, 0]],
    [normalised(), [1, 1], [1000, 500]],
    [normalised(), [0.25, 0.5], [250, 250]],
    [inPixels(), [500, 500], [250, 250]],
  ];
  for (const [view, place, [left, top]] of CASES) {
    test(`${place} of ${view.units} is drawn at ${left}, ${top} of the picture, and found there`, () => {
      deepEqual(view.onScreen(place), [left + MARGIN, top + MARGIN]);
      deepEqual(view.placeOf([left + MARGIN, top + MARGIN]), place);
    });
  }

  const BORDERS = [
    ["9 pixels inside", 9, true, 0],
    ["10 pixels inside", 10, true, 0.01],
    ["9 pixels inside, without snapping", 9, false, 0.009],
    ["outside", -50, true, 0],
    ["outside, without snapping", -50, false, 0],
    ["9 pixels before the far border", 991, true, 1],
    ["10 pixels before the far border", 990, true, 0.99],
    ["beyond the far border", 1050, false, 1],
  ];
  for (const [what, left, snaps, x] of BORDERS) {
    test(`a spot ${what} is at ${x}`, () =>
      equal(normalised().placeOf([left + MARGIN, 250 + MARGIN], snaps)[0], x));
  }

  test("a window narrower than the margins has no room, and no negative one", () => {
    const view = new View();
    view.fit(MARGIN, 2, EMPTY, { width: 1, height: 1 });

    deepEqual([view.width, view.height], [0, 0]);
  });
});

describe("steps of the keyboard", () => {
  test("are a two-hundredth of the picture, and a pixel at the least", () => {
    deepEqual(normalised().step([1, -1]), [0.005, -0.005]);
    deepEqual(inPixels().step([1, -1]), [10, -5]);
    deepEqual(viewOf("pixels", { width: 100, height: 50 }).step([1, 10]), [1, 10]);
  });

  test("stop at the border, and leave the other number as finely as it was", () => {
    deepEqual(normalised().nudged([0.123456, 0.998], [0, 1]), [0.123456, 1]);
    deepEqual(normalised().nudged([0.002, 0.5], [-1, 0]), [0, 0.5]);
  });

  test("in a field of numbers are a thousandth, or a pixel", () => {
    deepEqual(normalised().tuned([0.5, 0.5], 0, 1), [0.501, 0.5]);
    deepEqual(normalised().tuned([0.5, 0.9995], 1, 10), [0.5, 1]);
    deepEqual(inPixels().tuned([500, 500], 1, -10), [500, 490]);
  });
});

test("rings stop at the near border too", () => {
  deepEqual(normalised().shifted([[[0.2, 0.4]]], [-0.3, -0.1]), [[[0, 0.3]]]);
});

test("rings that are moved keep their shape, and stop where the first of them meets the border", () => {
  const rings = [
    [
      [0.2, 0.4],
      [0.9, 0.5],
    ],
    [[0.5, 0.45]],
  ];

  deepEqual(normalised().shifted(rings, [0.3, -0.1]), [
    [
      [0.3, 0.3],
      [1, 0.4],
    ],
    [[0.6, 0.35]],
  ]);
});

test("the middle and the distance of two points", () => {
  deepEqual(between([0, 1], [4, 4]), [2, 2.5]);
  equal(distance([0, 1], [4, 4]), 5);
});
