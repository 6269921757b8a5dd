// The SVG: the grid, the shapes, the handles of the chosen one, and what is being drawn.
//
// Elements are kept and only their attributes change, so that focus and a drag survive each redrawing.

import { keepChildren, setAttributes, setText, svg } from "./dom.js";
import { MARGIN, between, distance } from "./view.js";
import { kindOf, nameOf } from "./zones.js";

const COLUMNS = 16;
// Between two points that are nearer, a handle in the middle would lie on theirs.
const ROOM_FOR_MIDDLE = 56;
export const COLOURS = ["#2563eb", "#ea580c", "#16a34a", "#9333ea", "#dc2626", "#0891b2", "#ca8a04", "#db2777"];

export function colourOf(zone, index) {
  const { color } = zone.properties;
  return /^#([0-9a-f]{3}){1,2}$/i.test(color) ? color : COLOURS[index % COLOURS.length];
}

export class Drawing {
  constructor(root, view, texts) {
    this.root = root;
    this.view = view;
    this.texts = texts;
    const stripe = svg("path", { d: "M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6", class: "ze-stripe" });
    const hatch = svg("pattern", { id: "ze-hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" }, stripe);
    this.grid = svg("g", { class: "ze-grid", "aria-hidden": "true" });
    this.shapes = svg("g");
    this.middles = svg("g", { "aria-hidden": "true" });
    this.points = svg("g");
    this.draft = svg("g", { class: "ze-draft", "aria-hidden": "true" });
    root.replaceChildren(svg("defs", {}, hatch), this.grid, this.shapes, this.middles, this.points, this.draft);
  }

  draw({ picture, selected, draft, faulty }) {
    const { width, height } = this.view;
    setAttributes(this.root, { width: width + 2 * MARGIN, height: height + 2 * MARGIN });
    this.#drawGrid(width, height);
    const shapes = keepChildren(this.shapes, picture.zones.length, () => this.#makeShape());
    shapes.forEach((shape, index) =>
      this.#drawShape(shape, picture.zones[index], index, selected === index, faulty.has(index)),
    );
    const chosen = draft || selected === null ? null : picture.zones[selected];
    this.#drawPoints(chosen, selected);
    this.#drawMiddles(chosen);
    this.#drawDraft(draft);
  }

  focusShape(index) {
    this.shapes.children[index]?.focus();
  }

  focusPoint(ring, point) {
    this.points.querySelector(`[data-ring="${ring}"][data-point="${point}"]`)?.focus();
  }

  #drawGrid(width, height) {
    const rows = Math.max(1, Math.round((COLUMNS * height) / (width || 1)));
    const lines = [];
    for (let column = 1; column < COLUMNS; column += 1) {
      const x = MARGIN + (column * width) / COLUMNS;
      lines.push({ x1: x, y1: MARGIN, x2: x, y2: MARGIN + height });
    }
    for (let row = 1; row < rows; row += 1) {
      const y = MARGIN + (row * height) / rows;
      lines.push({ x1: MARGIN, y1: y, x2: MARGIN + width, y2: y });
    }
    if (!this.ground) {
      this.ground = svg("rect", { class: "ze-ground", x: MARGIN, y: MARGIN });
      this.lines = svg("g");
      this.border = svg("rect", { class: "ze-border", x: MARGIN, y: MARGIN });
      this.grid.append(this.ground, this.lines, this.border);
    }
    setAttributes(this.ground, { width, height });
    setAttributes(this.border, { width, height });
    keepChildren(this.lines, lines.length, () => svg("line")).forEach((line, index) =>
      setAttributes(line, lines[index]),
    );
  }

  #makeShape() {
    return svg(
      "g",
      { class: "ze-shape", tabindex: 0, role: "button" },
      svg("path", { class: "ze-reach" }),
      svg("path", { class: "ze-hatching", fill: "url(#ze-hatch)", "fill-rule": "evenodd" }),
      svg("path", { class: "ze-casing" }),
      svg("path", { class: "ze-outline", "fill-rule": "evenodd" }),
      svg("text", { class: "ze-label", "aria-hidden": "true" }),
    );
  }

  #drawShape(shape, zone, index, selected, faulty) {
    const [reach, hatching, casing, outline, label] = shape.children;
    const closed = zone.shape === "Polygon";
    const d = zone.rings.map((ring) => this.#path(ring, closed)).join(" ");
    const kind = kindOf(zone);
    const name = nameOf(zone, index);
    const count = zone.rings.flat().length;
    const key = faulty ? "shape_at_fault" : "shape";
    setAttributes(shape, {
      "data-zone": index,
      "data-kind": kind,
      "aria-pressed": selected,
      "aria-label": this.texts.say(key, { name, kind: this.texts.say(kind), count }),
      class: `ze-shape${selected ? " ze-chosen" : ""}${faulty ? " ze-faulty" : ""}`,
    });
    const colour = colourOf(zone, index);
    setAttributes(reach, { d });
    setAttributes(hatching, { d: kind === "exclusion" ? d : "" });
    setAttributes(casing, { d });
    setAttributes(outline, { d, stroke: colour, fill: closed ? colour : "none" });
    const [left, top] = this.#cornerOf(zone);
    setAttributes(label, { x: left, y: top });
    const shown = name.length > 28 ? `${name.slice(0, 27)}…` : name;
    setText(label, shown);
  }

  #path(places, closed) {
    const spots = places.map((place) =>
      this.view
        .onScreen(place)
        .map((number) => number.toFixed(1))
        .join(" "),
    );
    return `M${spots.join(" L")}${closed ? " Z" : ""}`;
  }

  // Where a name stands: at the upper left point, inside the picture.
  #cornerOf(zone) {
    const spots = zone.rings[0].map((place) => this.view.onScreen(place));
    const [left, top] = spots.reduce((best, spot) =>
      spot[0] + 2 * spot[1] < best[0] + 2 * best[1] ? spot : best,
    );
    const below = zone.shape === "Polygon" ? 22 : -10;
    const within = (number, least, most) =>
      Math.min(Math.max(number, MARGIN + least), Math.max(least, MARGIN + most));
    return [within(left + 10, 6, this.view.width - 90), within(top + below, 18, this.view.height - 6)];
  }

  #drawPoints(zone, index) {
    const places = zone
      ? zone.rings.flatMap((ring, r) => ring.map((place, p) => ({ place, ring: r, point: p })))
      : [];
    const points = keepChildren(this.points, places.length, () =>
      svg(
        "g",
        { class: "ze-point", tabindex: 0, role: "button" },
        svg("circle", { class: "ze-hit", r: 14 }),
        svg("circle", { class: "ze-ring", r: 11 }),
        svg("circle", { class: "ze-dot", r: 6 }),
      ),
    );
    points.forEach((point, position) => {
      const { place, ring, point: number } = places[position];
      const [x, y] = this.view.onScreen(place);
      setAttributes(point, {
        "data-ring": ring,
        "data-point": number,
        transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
        "aria-label": this.texts.say("point", {
          number: number + 1,
          count: zone.rings[ring].length,
          name: nameOf(zone, index),
          x: place[0],
          y: place[1],
        }),
      });
      setAttributes(point.lastElementChild, { fill: colourOf(zone, index) });
    });
  }

  #drawMiddles(zone) {
    const middles = [];
    zone?.rings.forEach((ring, r) =>
      ring.forEach((place, p) => {
        const next = ring[p + 1] ?? (zone.shape === "Polygon" ? ring[0] : null);
        if (!next) return;
        const [one, other] = [this.view.onScreen(place), this.view.onScreen(next)];
        if (distance(one, other) >= ROOM_FOR_MIDDLE)
          middles.push({ spot: between(one, other), ring: r, point: p });
      }),
    );
    const drawn = keepChildren(this.middles, middles.length, () =>
      svg(
        "g",
        { class: "ze-middle" },
        svg("circle", { class: "ze-hit", r: 13 }),
        svg("circle", { class: "ze-dot", r: 7 }),
        svg("path", { class: "ze-plus", d: "M-3.5 0 H3.5 M0 -3.5 V3.5" }),
      ),
    );
    drawn.forEach((middle, position) => {
      const {
        spot: [x, y],
        ring,
        point,
      } = middles[position];
      const transform = `translate(${x.toFixed(1)} ${y.toFixed(1)})`;
      setAttributes(middle, { "data-ring": ring, "data-point": point, transform });
    });
  }

  #drawDraft(draft) {
    this.draft.replaceChildren();
    if (!draft) return;
    const path = draft.cross ? [...draft.places, draft.cross] : draft.places;
    if (path.length > 1) {
      const d = this.#path(path, false);
      const fill = draft.shape === "Polygon" ? draft.colour : "none";
      this.draft.append(
        svg("path", { class: "ze-casing", d }),
        svg("path", { class: "ze-outline", d, stroke: draft.colour, fill }),
      );
    }
    draft.places.forEach((place, index) => {
      const [cx, cy] = this.view.onScreen(place);
      const closing = draft.canFinish && index === (draft.shape === "Polygon" ? 0 : draft.places.length - 1);
      if (closing) this.draft.append(svg("circle", { class: "ze-closing", cx, cy, r: 12 }));
      this.draft.append(svg("circle", { class: "ze-dot", cx, cy, r: 6, fill: draft.colour }));
    });
    if (draft.cross && draft.byKeyboard) {
      const [x, y] = this.view.onScreen(draft.cross);
      const d = `M${x - 14} ${y} H${x + 14} M${x} ${y - 14} V${y + 14}`;
      this.draft.append(svg("path", { class: "ze-casing", d }), svg("path", { class: "ze-cross", d }));
    }
  }
}
