// Whether the zones may be saved, in the server's own words.

import { element } from "./dom.js";

const AFTER_MILLISECONDS = 250;

export class Validity {
  faulty = new Set(); // places in the list of the zones that are refused
  #zones = null;
  #asked = null;
  #listed = "[]";
  #timer = 0;
  #request = null;

  constructor(editor) {
    this.editor = editor;
  }

  // The id that a zone without one will be given.
  idOf(index) {
    return this.#zones?.features[index]?.id ?? "";
  }

  ask(text) {
    if (text === this.#asked) return;
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#timer = setTimeout(() => this.#check(text), this.#asked === null ? 0 : AFTER_MILLISECONDS);
    this.#asked = text;
    this.#zones = null;
    this.editor.part("verdict").textContent = this.editor.texts.say("checking");
  }

  async #check(text) {
    const { root, textarea } = this.editor;
    this.#request = new AbortController();
    const { signal } = this.#request;
    const token = textarea.form.elements.csrfmiddlewaretoken.value;
    const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
    let answer;
    try {
      const response = await fetch(root.dataset.checkUrl, { method: "POST", headers, body: text, signal });
      if (response.redirected) return this.#giveNoVerdict("signed_out");
      answer = await response.json();
      // A body too large for the whole service is refused in front of the check.
      if (response.status === 413) answer.problems ??= [{ path: "", detail: answer.detail }];
      if (!answer.problems) return this.#giveNoVerdict("not_checked");
    } catch {
      return signal.aborted ? undefined : this.#giveNoVerdict("not_checked");
    }
    return this.#show(answer);
  }

  #giveNoVerdict(key) {
    this.#asked = null;
    this.editor.part("verdict").textContent = this.editor.texts.say(key);
  }

  #show({ zones, problems }) {
    const { editor } = this;
    const { texts } = editor;
    this.#zones = zones;
    this.faulty = new Set(problems.map(zoneOf).filter((index) => index !== null));
    const valid = problems.length === 0;
    editor.part("refused").hidden = valid;
    editor.part("refused-title").textContent = texts.say("refused");
    this.#list(problems);
    editor.root.classList.toggle("ze-invalid", !valid);
    editor.textarea.setAttribute("aria-invalid", !valid);
    const count = zones?.features.length;
    const verdict = valid ? (count ? "valid" : "no_zones") : "not_valid";
    editor.part("verdict").textContent = texts.say(verdict, { count: valid ? count : problems.length });
    editor.judged({ zones });
    if (!editor.canDraw) editor.say("cannot_draw");
    if (!editor.canDraw) editor.part("json").open = true;
  }

  // Only what is new is put in: the list is an alert, and would be read out again.
  #list(problems) {
    const list = this.editor.part("problems");
    const listed = JSON.stringify(problems);
    if (listed === this.#listed) return;
    this.#listed = listed;
    list.replaceChildren(...problems.map((problem) => this.#line(problem)));
  }

  #line(problem) {
    const index = zoneOf(problem);
    const text = element("bdi", { textContent: problem.detail });
    if (index === null || !this.editor.picture.zones[index]) return element("li", {}, text);
    const button = element("button", { type: "button", className: "ze-problem" }, text);
    button.addEventListener("click", () => {
      this.editor.select(index);
      this.editor.drawing.focusShape(index);
    });
    return element("li", {}, button);
  }
}

function zoneOf(problem) {
  const found = /^features\[(\d+)\]/.exec(problem.path);
  return found && Number(found[1]);
}
