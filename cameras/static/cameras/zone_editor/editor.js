// The editor: holds the picture, its history, what is chosen and what is being drawn, and has the parts redrawn.
//
// The textarea is what the form sends. Every step writes it, and what is typed into it is a step too.

import { Copying } from "./copying.js";
import { Draft } from "./draft.js";
import { COLOURS, Drawing } from "./drawing.js";
import { History } from "./history.js";
import { listenToKeyboard } from "./keyboard.js";
import { Panel } from "./panel.js";
import { listenToPointer } from "./pointer.js";
import { Still } from "./still.js";
import { Texts } from "./texts.js";
import { Validity } from "./validity.js";
import { View, between, extentOf } from "./view.js";
import * as zones from "./zones.js";

// A frame of 100,000 by 1 is allowed, and nobody could draw on it.
const MOST_OBLONG = 5;

export class Editor {
  selected = null;
  draft = null;
  #previewed = null; // the picture of a drag under way
  #converted = null; // what the server made of a text that cannot be read here

  constructor(root) {
    this.root = root;
    this.textarea = root.querySelector("textarea");
    this.texts = new Texts(root);
    this.view = new View();
    this.history = new History({ text: this.textarea.value, picture: zones.read(this.textarea.value) });
    this.drawing = new Drawing(this.part("svg"), this.view, this.texts);
    this.panel = new Panel(this);
    this.validity = new Validity(this);
    this.still = new Still(this);
    this.copying = new Copying(this);
    listenToPointer(this);
    listenToKeyboard(this);
    this.#listen();
    this.part("drawn").hidden = false;
    this.part("json").open = false;
    new ResizeObserver(() => this.redraw()).observe(this.part("stage"));
    this.refresh();
  }

  part(name) {
    return this.root.querySelector(`[data-ze="${name}"]`);
  }

  #listen() {
    const onClick = (name, action) => this.part(name).addEventListener("click", action);
    // A click without a count comes from the keyboard.
    onClick("add-area", (event) => this.startDraft("Polygon", event.detail === 0));
    onClick("add-line", (event) => this.startDraft("LineString", event.detail === 0));
    onClick("finish", () => this.finishDraft());
    onClick("cancel", () => this.cancelDraft());
    onClick("undo", () => this.undo());
    onClick("redo", () => this.redo());
    this.part("snap").addEventListener("change", (event) => {
      this.view.snaps = event.target.checked;
    });
    this.part("aspect").addEventListener("change", () => this.redraw());
    this.textarea.addEventListener("input", (event) => event.isTrusted && this.#readTyped());
    this.textarea.form.addEventListener("submit", (event) => this.#beforeSaving(event), { capture: true });
  }

  // --- The picture --------------------------------------------------------------------------------------

  get picture() {
    return this.#previewed ?? this.history.value.picture ?? this.#converted ?? zones.EMPTY;
  }

  get canDraw() {
    return Boolean(this.history.value.picture ?? this.#converted);
  }

  // One step: it can be undone by the name of its action. Steps in a row with the same key are one.
  change(picture, action, key = null) {
    this.#previewed = null;
    this.history.add({ picture, text: zones.write(picture) }, action, key);
    this.#write();
  }

  // Shows a drag under way, which is no step yet.
  preview(picture) {
    this.#previewed = picture;
    this.redraw();
  }

  dropPreview() {
    this.preview(null);
  }

  undo() {
    if (this.draft) return this.removeFromDraft();
    if (this.history.canUndo) this.#travel(() => this.history.undo(), "undone");
  }

  redo() {
    if (!this.draft && this.history.canRedo) this.#travel(() => this.history.redo(), "redone");
  }

  // The chosen zone stays chosen, though others come and go before it in the list.
  #travel(step, key) {
    const before = this.picture.zones;
    const action = step();
    const after = this.picture.zones;
    const place = after.indexOf(before[this.selected]);
    if (place >= 0) this.selected = place;
    else if (after.length !== before.length) this.selected = null; // else the step was in this very zone
    this.#write();
    this.say(key, { action: this.texts.say(action) });
  }

  #write() {
    this.#converted = null;
    this.say();
    this.textarea.value = this.history.value.text;
    this.textarea.dispatchEvent(new Event("input", { bubbles: true })); // for scripts that watch the form
    this.refresh();
  }

  #readTyped() {
    const text = this.textarea.value;
    this.#converted = null;
    this.draft = null;
    this.history.add({ text, picture: zones.read(text) }, "action_text", "text");
    this.refresh();
  }

  // What the server answered on the present text.
  judged(verdict) {
    if (!this.canDraw && verdict.zones) this.#converted = zones.pictureOf(verdict.zones);
    this.redraw();
  }

  // --- Zones and points ---------------------------------------------------------------------------------

  select(index) {
    this.selected = index;
    this.redraw();
  }

  setProperty(name, value, action, key = null) {
    this.change(zones.withProperty(this.picture, this.selected, name, value), action, key);
  }

  setPoint(at, place, key = null) {
    this.change(zones.withPoint(this.picture, at, place), "action_move", key);
  }

  insertAfter(at) {
    const ring = this.picture.zones[at.zone].rings[at.ring];
    const last = at.point === ring.length - 1;
    if (last && this.picture.zones[at.zone].shape === "LineString") at = { ...at, point: at.point - 1 };
    const middle = between(ring[at.point], ring[(at.point + 1) % ring.length]);
    const place = middle.map((number) => zones.rounded(number, this.picture.units));
    this.change(zones.withPointAfter(this.picture, at, place), "action_insert");
    this.drawing.focusPoint(at.ring, at.point + 1);
  }

  removePoint(at) {
    const zone = this.picture.zones[at.zone];
    const picture = zones.withoutPoint(this.picture, at);
    if (!picture) {
      this.say("too_few", { kind: this.texts.say(zones.kindOf(zone)), count: zones.LEAST[zone.shape] });
      return false;
    }
    this.change(picture, "action_remove");
    return true;
  }

  shiftZone(index, by, key = null) {
    const rings = this.view.shifted(this.picture.zones[index].rings, by);
    this.change(zones.withRings(this.picture, index, rings), "action_move", key);
  }

  removeZone(index) {
    const name = zones.nameOf(this.picture.zones[index], index);
    this.selected = null;
    this.change(zones.withoutZone(this.picture, index), "action_remove");
    this.part("svg").focus({ preventScroll: true });
    this.say("zone_gone", { name });
  }

  // --- Drawing ------------------------------------------------------------------------------------------

  startDraft(shape, byKeyboard) {
    if (!this.canDraw) return;
    const used = this.picture.zones.map((zone) => zone.properties.color);
    const colour = COLOURS.find((one) => !used.includes(one)) ?? COLOURS[used.length % COLOURS.length];
    this.selected = null;
    this.draft = new Draft(shape, colour);
    if (byKeyboard) this.aim([0, 0]);
    this.part("svg").focus();
    this.refreshDraft();
  }

  // Moves the cross by steps of the keyboard; it begins in the middle.
  aim(steps) {
    const { width, height } = this.view.extent;
    this.draft.byKeyboard = true;
    this.draft.cross = this.view.nudged(this.draft.cross ?? this.#rounded([width / 2, height / 2]), steps);
    this.say("place", { x: this.draft.cross[0], y: this.draft.cross[1] });
    this.redraw();
  }

  #rounded(place) {
    return place.map((number) => zones.rounded(number, this.picture.units));
  }

  removeFromDraft() {
    this.draft.places.pop();
    this.refreshDraft();
  }

  refreshDraft() {
    const { places, shape } = this.draft;
    if (places.length) this.say(shape === "Polygon" ? "drawing_area" : "drawing_line", { count: places.length });
    else this.say("drawing_first");
    this.redraw();
  }

  finishDraft() {
    const { shape, places, colour, canFinish } = this.draft;
    if (!canFinish) {
      const kind = this.texts.say(shape === "Polygon" ? "area" : "line");
      return this.say("too_few", { kind, count: zones.LEAST[shape] });
    }
    const kind = shape === "Polygon" ? "area" : "line";
    const properties = { name: this.#freeName(`${kind}_name`), color: colour, kind };
    this.draft = null;
    this.selected = this.picture.zones.length;
    this.change(zones.withZone(this.picture, { id: "", properties, shape, rings: [places] }), "action_add");
    this.drawing.focusShape(this.selected);
    this.say();
  }

  cancelDraft() {
    this.draft = null;
    this.say();
    this.redraw();
    this.part("svg").focus({ preventScroll: true });
  }

  // Who saves while drawing means what is seen: it must not be gone without a word.
  #beforeSaving(event) {
    if (!this.draft?.places.length) return;
    const { shape, canFinish } = this.draft;
    if (canFinish) return this.finishDraft();
    event.preventDefault();
    event.stopImmediatePropagation(); // else unfold no longer warns of leaving the page
    this.#comeForward();
    const kind = this.texts.say(shape === "Polygon" ? "area" : "line");
    return this.say("not_saved", { kind, count: zones.LEAST[shape] });
  }

  // Brings the picture and what is said under it into view, also from behind another tab of the page.
  #comeForward() {
    const svg = this.part("svg");
    const tab = svg.closest("[id$='-group']");
    if (tab) location.hash = tab.id.replace(/-group$/, "");
    const shown = new ResizeObserver(() => {
      if (!svg.checkVisibility()) return; // the page opens a tab some time after its hash
      shown.disconnect();
      svg.focus({ preventScroll: true });
      this.part("hint").scrollIntoView({ block: "center" });
    });
    shown.observe(svg);
  }

  #freeName(key) {
    const names = new Set(this.picture.zones.map((zone) => zone.properties.name));
    for (let number = 1; ; number += 1) {
      const name = this.texts.say(key, { number });
      if (!names.has(name)) return name;
    }
  }

  // --- What is seen -------------------------------------------------------------------------------------

  // Says something under the picture, to eyes and to screen readers; nothing without a key.
  say(key = null, words = {}) {
    this.part("hint").textContent = key ? this.texts.say(key, words) : "";
  }

  refresh() {
    this.validity.ask(this.history.value.text);
    this.redraw();
  }

  redraw() {
    const { picture, draft } = this;
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    if (this.selected !== null && this.selected >= picture.zones.length) this.selected = null;
    const extent = extentOf(picture, this.still.size);
    this.view.fit(this.part("stage").clientWidth, this.#aspectOf(picture, extent), picture, extent);
    this.drawing.draw({ picture, draft, selected: this.selected, faulty: this.validity.faulty });
    this.still.draw();
    this.panel.draw();
    this.part("stage").classList.toggle("ze-drawing", Boolean(draft));
    this.part("draft").hidden = !draft;
    this.part("finish").disabled = !draft?.canFinish;
    this.part("undo").disabled = !this.history.canUndo && !draft?.places.length;
    this.part("redo").disabled = !this.history.canRedo || Boolean(draft);
    for (const name of ["add-area", "add-line", "copy"])
      this.part(name).disabled = !this.canDraw || Boolean(draft);
    this.#keepFocus(focused);
  }

  // What had the focus may be gone or out of use now: the keys, undo among them, would reach nothing.
  #keepFocus(focused) {
    const lost = focused && (!focused.isConnected || focused.disabled || focused.closest("[hidden]"));
    if (lost) this.part("svg").focus({ preventScroll: true });
  }

  #aspectOf(picture, extent) {
    const known = picture.units === zones.NORMALISED ? (picture.frame ?? this.still.size) : extent;
    const choice = this.part("aspect");
    choice.closest("label").hidden = Boolean(known);
    const [width, height] = choice.value.split(":").map(Number);
    const aspect = known ? known.width / known.height : width / height;
    return Math.min(Math.max(aspect, 1 / MOST_OBLONG), MOST_OBLONG);
  }
}
