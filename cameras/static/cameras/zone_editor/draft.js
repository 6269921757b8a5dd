// A shape that is being drawn: its points so far, and the place that would come next.

import { LEAST } from "./zones.js";

export class Draft {
  places = [];
  cross = null;
  byKeyboard = false;

  constructor(shape, colour) {
    this.shape = shape;
    this.colour = colour;
  }

  get canFinish() {
    return this.places.length >= LEAST[this.shape];
  }

  add(place) {
    const last = this.places.at(-1);
    if (!last || last[0] !== place[0] || last[1] !== place[1]) this.places.push(place);
  }
}
