// Zones of another camera, chosen in a dialog among the cameras that the server offers.

import { element, svg } from "./dom.js";
import { colourOf } from "./drawing.js";
import { extentOf } from "./view.js";
import { pictureOf, withZonesOf } from "./zones.js";

const AFTER_MILLISECONDS = 200;

export class Copying {
  #timer = 0;
  #request = null;

  constructor(editor) {
    this.editor = editor;
    this.dialog = editor.part("dialog");
    const search = editor.part("search");
    editor.part("copy").addEventListener("click", () => {
      this.dialog.showModal();
      search.focus();
      this.#list();
    });
    editor.part("close").addEventListener("click", () => this.dialog.close());
    search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#list(), AFTER_MILLISECONDS);
    });
  }

  async #list() {
    const { root, texts } = this.editor;
    this.#request?.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    const query = new URLSearchParams({ q: this.editor.part("search").value });
    const status = this.editor.part("others-status");
    try {
      const response = await fetch(`${root.dataset.othersUrl}?${query}`, { signal });
      const { cameras } = await response.json();
      const others = cameras.filter((camera) => !location.pathname.includes(camera.id));
      this.editor.part("others").replaceChildren(...others.map((camera) => this.#offer(camera)));
      status.textContent = others.length ? "" : texts.say("no_camera");
    } catch {
      if (!signal.aborted) status.textContent = texts.say("not_checked");
    }
  }

  #offer(camera) {
    const { texts } = this.editor;
    const picture = pictureOf(camera.zones);
    const count = picture.zones.length;
    const site = camera.site || texts.say("no_site");
    const button = element(
      "button",
      { type: "button", className: "ze-other" },
      thumbnail(picture),
      element(
        "span",
        { className: "ze-stack" },
        element("bdi", { textContent: camera.name }),
        element("bdi", { className: "ze-kind", textContent: site }),
      ),
      element("span", { className: "ze-count", textContent: texts.say("zones", { count }) }),
    );
    button.addEventListener("click", () => this.#copy(camera, picture));
    return element("li", {}, button);
  }

  #copy(camera, other) {
    const { editor } = this;
    const extent = extentOf(editor.picture, editor.still.size);
    const picture = withZonesOf(editor.picture, other, extent, extentOf(other));
    this.dialog.close();
    editor.selected = null;
    editor.change(picture, "action_copy");
    editor.say("copied", { camera: camera.name, count: other.zones.length });
  }
}

function thumbnail(picture) {
  const { width, height } = extentOf(picture);
  const spots = (ring) => ring.map(([x, y]) => `${(x / width) * 64} ${(y / height) * 36}`).join(" L");
  const paths = picture.zones.map((zone, index) => {
    const closed = zone.shape === "Polygon";
    const d = zone.rings.map((ring) => `M${spots(ring)}${closed ? " Z" : ""}`).join(" ");
    const colour = colourOf(zone, index);
    return svg("path", { d, stroke: colour, fill: closed ? colour : "none", "fill-rule": "evenodd" });
  });
  return svg("svg", { viewBox: "0 0 64 36", class: "ze-thumbnail", "aria-hidden": "true" }, ...paths);
}
