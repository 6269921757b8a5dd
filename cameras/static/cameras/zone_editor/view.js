// Where things are: between places in the units of a picture and places on the screen, in CSS pixels.

import { NORMALISED, rounded } from "./zones.js";

// Room around the picture for the handles of points on its border.
export const MARGIN = 14;

const SNAP_WITHIN = 10;
const NUDGES_ACROSS = 200;
const USUAL_FRAMES = [
  [640, 480],
  [1280, 720],
  [1920, 1080],
  [2560, 1440],
  [3840, 2160],
];

// The width and height of a picture in its own units.
export function extentOf(picture, still = null) {
  if (picture.units === NORMALISED) return { width: 1, height: 1 };
  if (picture.frame) return picture.frame;
  const points = picture.zones.flatMap((zone) => zone.rings.flat());
  const [right, bottom] = [0, 1].map((axis) => Math.max(1, ...points.map((place) => place[axis])));
  const fitting = [still ? [still.width, still.height] : null, ...USUAL_FRAMES].find(
    (frame) => frame && frame[0] >= right && frame[1] >= bottom,
  );
  const [width, height] = fitting ?? [right, bottom];
  return { width, height };
}

export class View {
  width = 0;
  height = 0;
  extent = { width: 1, height: 1 };
  units = NORMALISED;
  snaps = true;

  fit(width, aspect, picture, extent) {
    this.width = Math.max(0, width - 2 * MARGIN);
    this.height = this.width / aspect;
    this.units = picture.units;
    this.extent = extent;
  }

  onScreen([x, y]) {
    return [MARGIN + (x / this.extent.width) * this.width, MARGIN + (y / this.extent.height) * this.height];
  }

  // The place under a spot of the screen: never outside, and on the border if it is near and `snaps`.
  placeOf([left, top], snaps = this.snaps) {
    return [
      this.#along(left - MARGIN, this.width, this.extent.width, snaps),
      this.#along(top - MARGIN, this.height, this.extent.height, snaps),
    ];
  }

  #along(spot, length, extent, snaps) {
    if (snaps && spot < SNAP_WITHIN) return 0;
    if (snaps && spot > length - SNAP_WITHIN) return extent;
    return rounded(Math.min(Math.max(spot / length, 0), 1) * extent, this.units);
  }

  // By how much a number of steps of the keyboard moves.
  step([right, down]) {
    const least = this.units === NORMALISED ? 0 : 1;
    return [
      right * Math.max(least, this.extent.width / NUDGES_ACROSS),
      down * Math.max(least, this.extent.height / NUDGES_ACROSS),
    ];
  }

  // A place moved by steps of the keyboard; it stops at the border.
  nudged([x, y], steps) {
    const [dx, dy] = this.step(steps);
    return [dx ? this.#within(x + dx, this.extent.width) : x, dy ? this.#within(y + dy, this.extent.height) : y];
  }

  // A place with one of its numbers moved by fine steps, for who looks at the number; it stops at the border.
  tuned(place, axis, steps) {
    const by = steps * (this.units === NORMALISED ? 0.001 : 1);
    const extent = axis ? this.extent.height : this.extent.width;
    return place.with(axis, this.#within(place[axis] + by, extent));
  }

  #within(number, extent) {
    return Math.min(Math.max(rounded(number, this.units), 0), extent);
  }

  // Rings moved together; all stop where one of them would leave the picture.
  shifted(rings, [dx, dy]) {
    const places = rings.flat();
    const [x, y] = [
      [dx, this.extent.width],
      [dy, this.extent.height],
    ].map(([by, extent], axis) => {
      const numbers = places.map((place) => place[axis]);
      return Math.min(Math.max(by, -Math.min(...numbers)), extent - Math.max(...numbers));
    });
    const moved = ([left, top]) => [rounded(left + x, this.units), rounded(top + y, this.units)];
    return rings.map((ring) => ring.map(moved));
  }
}

export function between([x1, y1], [x2, y2]) {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

export function distance([x1, y1], [x2, y2]) {
  return Math.hypot(x2 - x1, y2 - y1);
}
