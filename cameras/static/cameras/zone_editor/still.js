// A picture under the zones, which somebody chose or dropped in. It is decoded and drawn here, and goes nowhere.

import { element } from "./dom.js";

export class Still {
  size = null;
  #bitmap = null;

  constructor(editor) {
    this.editor = editor;
    this.canvas = editor.part("still");
    // Made here and marked, else unfold takes it for a file field of the form.
    const file = element("input", { type: "file", accept: "image/*", hasChangeListener: true });
    editor.part("file").append(file);
    const stage = editor.part("stage");
    file.addEventListener("change", () => {
      if (file.files[0]) this.show(file.files[0]);
      file.value = "";
    });
    editor.part("no-still").addEventListener("click", () => {
      this.#set(null);
      editor.say("still_gone");
      file.focus();
    });
    stage.addEventListener("dragover", (event) => {
      event.preventDefault();
      stage.classList.add("ze-dropping");
    });
    stage.addEventListener("dragleave", () => stage.classList.remove("ze-dropping"));
    stage.addEventListener("drop", (event) => {
      event.preventDefault();
      stage.classList.remove("ze-dropping");
      if (event.dataTransfer.files[0]) this.show(event.dataTransfer.files[0]);
    });
  }

  async show(file) {
    try {
      this.#set(await createImageBitmap(file));
      this.editor.say("still_shown");
    } catch {
      this.editor.say("no_picture");
    }
  }

  #set(bitmap) {
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.size = bitmap && { width: bitmap.width, height: bitmap.height };
    this.canvas.hidden = !bitmap;
    this.editor.part("no-still").hidden = !bitmap;
    this.editor.part("stage").classList.toggle("ze-with-still", Boolean(bitmap));
    this.canvas.width = 0; // drawn anew below
    this.editor.redraw();
  }

  draw() {
    if (!this.#bitmap) return;
    const { width, height } = this.editor.view;
    const [across, down] = [width, height].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
    if (this.canvas.width === across && this.canvas.height === down) return;
    Object.assign(this.canvas, { width: across, height: down });
    this.canvas.getContext("2d").drawImage(this.#bitmap, 0, 0, across, down);
  }
}
