// Beside the picture: the list of zones, the properties of the chosen one, and its points in numbers.

import { element, keepChildren, setText, svg } from "./dom.js";
import { colourOf } from "./drawing.js";
import { FAR } from "./keyboard.js";
import { kindOf, nameOf } from "./zones.js";

const KINDS = { Polygon: ["area", "exclusion"], LineString: ["line"] };

export class Panel {
  #rows = []; // {at, x, y}

  constructor(editor) {
    this.editor = editor;
    const { texts } = editor;
    const on = (name, kind, listen) =>
      editor.part(name).addEventListener(kind, (event) => {
        if (editor.selected !== null) listen(event.target);
      });
    const key = (name) => `${name} ${editor.selected}`;
    on("name", "input", ({ value }) =>
      editor.setProperty("name", value.trim() ? value : undefined, "action_name", key("name")),
    );
    on("colour", "input", ({ value }) => editor.setProperty("color", value, "action_colour", key("colour")));
    on("kind", "change", ({ value }) => editor.setProperty("kind", value, "action_kind"));
    on("capacity", "input", ({ value }) =>
      editor.setProperty("capacity", value === "" ? undefined : Number(value), "action_capacity", key("capacity")),
    );
    on("remove", "click", () => editor.removeZone(editor.selected));
    editor.part("table").addEventListener("toggle", () => this.draw());
    this.kinds = Object.fromEntries(
      Object.entries(KINDS).map(([shape, kinds]) => [shape, kinds.map((kind) => [kind, texts.say(kind)])]),
    );
  }

  draw() {
    this.#drawList();
    const { picture, selected } = this.editor;
    const zone = selected === null ? null : picture.zones[selected];
    this.editor.part("fields").hidden = !zone;
    if (zone) this.#drawFields(zone, selected);
  }

  #drawList() {
    const { editor } = this;
    const { picture, selected, texts, validity } = editor;
    const list = editor.part("zones");
    keepChildren(list, picture.zones.length, (index) => this.#makeItem(index)).forEach((item, index) => {
      const zone = picture.zones[index];
      const button = item.firstElementChild;
      const [swatch, name, kind, fault] = button.children;
      swatch.firstElementChild.setAttribute("fill", colourOf(zone, index));
      setText(name, nameOf(zone, index));
      setText(kind, texts.say(kindOf(zone)));
      fault.hidden = !validity.faulty.has(index);
      button.setAttribute("aria-pressed", selected === index);
    });
  }

  #makeItem(index) {
    const swatch = svg(
      "svg",
      { class: "ze-swatch", "aria-hidden": "true" },
      svg("circle", { cx: 7, cy: 7, r: 6 }),
    );
    const button = element(
      "button",
      { type: "button", className: "ze-item" },
      swatch,
      element("bdi", { className: "ze-name" }),
      element("span", { className: "ze-kind" }),
      element("span", { className: "ze-icon ze-fault", textContent: "error", ariaHidden: "true" }),
    );
    button.addEventListener("click", () => {
      const { editor } = this;
      if (!editor.draft) editor.select(editor.selected === index ? null : index);
    });
    return element("li", {}, button);
  }

  #drawFields(zone, index) {
    const { editor } = this;
    const { texts } = editor;
    const kinds = this.kinds[zone.shape];
    const kind = editor.part("kind");
    if (kind.options.length !== kinds.length) {
      kind.replaceChildren(...kinds.map(([value, text]) => element("option", { value, textContent: text })));
    }
    kind.disabled = kinds.length === 1;
    kind.value = kindOf(zone);
    setText(editor.part("legend"), nameOf(zone, index));
    setText(editor.part("id"), zone.id || editor.validity.idOf(index) || texts.say("id_later"));
    setValue(editor.part("name"), zone.properties.name ?? "");
    setValue(editor.part("colour"), inFull(colourOf(zone, index)));
    setValue(editor.part("capacity"), zone.properties.capacity ?? "");
    setText(editor.part("points"), texts.say("points", { count: zone.rings.flat().length }));
    if (editor.part("table").open) this.#drawRows(zone);
  }

  #drawRows(zone) {
    const places = zone.rings.flatMap((ring, r) => ring.map((place, p) => ({ ring: r, point: p, place })));
    const body = this.editor.part("rows");
    this.#rows.length = Math.min(this.#rows.length, places.length);
    keepChildren(body, places.length, (position) => this.#makeRow(position));
    places.forEach(({ ring, point, place }, position) => {
      const row = this.#rows[position];
      Object.assign(row, { ring, point });
      setValue(row.x, place[0]);
      setValue(row.y, place[1]);
    });
  }

  #makeRow(position) {
    const { editor } = this;
    const { texts } = editor;
    const number = position + 1;
    const row = {};
    const at = () => ({ zone: editor.selected, ring: row.ring, point: row.point });
    const typed = () => [row.x, row.y].map((one) => one.valueAsNumber);
    const input = (label, axis) => {
      const made = element("input", {
        type: "number",
        step: "any",
        min: "0",
        inputMode: "decimal",
        ariaLabel: label,
      });
      // A browser steps by 1, which is all of a normalised picture; a `step` would forbid finer numbers.
      made.addEventListener("keydown", (event) => {
        const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!sign || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const place = typed();
        if (!place.every(Number.isFinite)) return;
        const moved = editor.view.tuned(place, axis, event.shiftKey ? sign * FAR : sign);
        made.value = moved[axis];
        editor.setPoint(at(), moved, event.repeat ? `hold ${position} ${axis}` : null);
      });
      made.addEventListener("change", () => {
        const place = typed();
        const present = editor.picture.zones[editor.selected].rings[row.ring][row.point];
        if (!place.every(Number.isFinite)) [row.x.value, row.y.value] = present;
        else if (place[0] !== present[0] || place[1] !== present[1]) editor.setPoint(at(), place);
      });
      return made;
    };
    const button = (icon, label, act) => {
      const shown = element("span", { className: "ze-icon", textContent: icon, ariaHidden: "true" });
      const made = element(
        "button",
        { type: "button", className: "ze-small", title: label, ariaLabel: label },
        shown,
      );
      made.addEventListener("click", act);
      return made;
    };
    row.x = input(texts.say("x_of", { number }), 0);
    row.y = input(texts.say("y_of", { number }), 1);
    this.#rows.push(row);
    return element(
      "tr",
      {},
      element("th", { scope: "row", textContent: number }),
      element("td", {}, row.x),
      element("td", {}, row.y),
      element(
        "td",
        { className: "ze-row-buttons" },
        button("add", texts.say("insert_point", { number }), () => editor.insertAfter(at())),
        button("delete", texts.say("delete_point", { number }), () => editor.removePoint(at())),
      ),
    );
  }
}

// What somebody is typing is not touched.
function setValue(input, value) {
  if (input !== document.activeElement && input.value !== String(value)) input.value = value;
}

function inFull(colour) {
  return colour.length === 4 ? `#${Array.from(colour.slice(1), (digit) => digit + digit).join("")}` : colour;
}
