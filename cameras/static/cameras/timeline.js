// The ribbon under a chart: which status the camera had when, and where its configuration was changed.
//
// The ribbon is one stop of the Tab key; arrows go from one status to the next, Enter zooms the chart to it.

import { shares, shownSpans } from "./spans.js";

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const seconds = (text) => (text == null ? null : Date.parse(text) / 1000);

class Timeline {
  constructor(box) {
    this.box = box;
    this.words = box.dataset;
    this.section = box.closest("[data-series]");
    this.ribbon = box.querySelector(".cp-ribbon");
    this.marks = box.querySelector(".cp-marks");
    this.said = box.querySelector(".cp-timeline-said");
    const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
    const options = { dateStyle: "medium", timeStyle: "short", timeZone: this.section.dataset.timeZone };
    this.time = new Intl.DateTimeFormat(language, options);
    this.number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
    this.section.addEventListener("cp:drawn", ({ detail }) => this.show(detail));
    this.ribbon.addEventListener("keydown", (event) => this.walk(event));
    for (const leave of ["pointerleave", "focusout"]) {
      box.addEventListener(leave, () => (this.said.textContent = this.summary));
    }
  }

  async show({ range, left, width }) {
    for (const part of [this.ribbon, this.marks]) {
      part.style.marginLeft = `${left}px`;
      part.style.width = `${width}px`;
    }
    if (this.range?.join() === range.join()) return;
    this.range = range;
    this.asked?.abort();
    this.asked = new AbortController();
    const [from, to] = range.map((at) => new Date(at * 1000).toISOString());
    try {
      const asked = new URLSearchParams({ from, to });
      const answer = await fetch(`${this.words.timeline}?${asked}`, { signal: this.asked.signal });
      if (!answer.ok) throw new Error(answer.status);
      this.draw(await answer.json());
    } catch (error) {
      if (error.name === "AbortError") return;
      this.range = null; // the next drawing tries again
      this.said.textContent = this.words.failed;
    }
  }

  draw({ statuses, changes }) {
    const focused = this.ribbon.contains(document.activeElement) && document.activeElement.dataset.start;
    const spans = shownSpans(
      statuses.map((span) => ({ ...span, start: seconds(span.start), end: seconds(span.end) })),
      this.range,
    );
    this.ribbon.replaceChildren(...spans.map((span) => this.part(span)));
    this.marks.replaceChildren(...changes.map((change) => this.mark(change)));
    const percent = (share) => (share < 0.001 ? "<" : "") + this.number.format(Math.max(0.1, 100 * share));
    const rate = ({ label, share }) => fill(this.words.share, { status: label, percent: percent(share) });
    this.summary = spans.length
      ? fill(this.words.summary, { shares: shares(spans).map(rate).join(", ") })
      : this.words.unknown;
    this.ribbon.setAttribute("aria-label", this.summary);
    const parts = [...this.ribbon.children];
    const stop = parts.find(({ dataset }) => dataset.start === focused) ?? parts.at(-1);
    if (stop) stop.tabIndex = 0;
    if (focused) stop?.focus({ preventScroll: true });
    else this.said.textContent = this.summary;
  }

  part(span) {
    const part = Object.assign(document.createElement("button"), {
      type: "button",
      className: `cp-ribbon-part cp-is-${span.status}`,
      tabIndex: -1,
    });
    part.dataset.start = span.start;
    part.style.left = `${100 * span.from}%`;
    part.style.width = `${100 * span.share}%`;
    const words = { status: span.label, from: this.time.format(span.start * 1000) };
    if (span.end != null) words.to = this.time.format(span.end * 1000);
    const text = `${fill(span.end == null ? this.words.lasting : this.words.span, words)} ${span.reason}`.trim();
    part.setAttribute("aria-label", text);
    this.tell(part, text);
    part.addEventListener("click", () => this.zoom(span));
    return part;
  }

  mark({ at, what, by, url }) {
    const item = document.createElement("li");
    const link = Object.assign(document.createElement("a"), { className: "cp-mark", href: url });
    const text = fill(this.words.change, { at: this.time.format(seconds(at) * 1000), what, by });
    link.setAttribute("aria-label", text);
    item.style.left = `${(100 * (seconds(at) - this.range[0])) / (this.range[1] - this.range[0])}%`;
    this.tell(link, text);
    item.append(link);
    return item;
  }

  tell(element, text) {
    for (const enter of ["pointerenter", "focus"]) {
      element.addEventListener(enter, () => (this.said.textContent = text));
    }
  }

  // The chart around a status, with a tenth of it on both sides.
  zoom({ start, end }) {
    const until = end ?? this.range[1];
    const margin = (until - start) / 10;
    const detail = { range: [start - margin, until + margin] };
    this.section.dispatchEvent(new CustomEvent("cp:zoom", { detail }));
  }

  walk(event) {
    const parts = [...this.ribbon.children];
    const place = parts.indexOf(document.activeElement);
    const next = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: parts.length - 1 }[event.key];
    if (next === undefined || !parts[next]) return;
    event.preventDefault();
    for (const part of parts) part.tabIndex = -1;
    parts[next].tabIndex = 0;
    parts[next].focus();
  }
}

document.querySelectorAll("[data-timeline]").forEach((box) => new Timeline(box));
