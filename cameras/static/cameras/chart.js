// The series of one camera, mean and the span from least to most, or of a site with that of days before behind it;
// over a range that can be chosen and zoomed. Whoever draws below it listens to `cp:drawn`.
//
// What is not known is a gap in the line and a row of its own in the table, never a value between two others.

import { bucketFor, complete, daysLater, meanOf, moved, shown, summaryOf, widened } from "./series.js";

const REFRESH_MS = 15_000;
const HEIGHT = 260;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const nowSeconds = () => Math.floor(Date.now() / 1000);

class Chart {
  constructor(section) {
    this.section = section;
    this.said = section.dataset;
    this.zone = this.said.timeZone;
    this.plotBox = section.querySelector(".cp-plot");
    this.status = section.querySelector(".cp-chart-said");
    this.table = section.querySelector(".cp-chart-table");
    // Plain "en" would be that of the United States, and hours of twelve.
    const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
    const format = (options) => new Intl.DateTimeFormat(language, { ...options, timeZone: this.zone });
    this.time = format({ dateStyle: "medium", timeStyle: "short" });
    this.day = format({ day: "numeric", month: "short" });
    this.date = format({ dateStyle: "short" });
    this.clock = format({ hour: "2-digit", minute: "2-digit" });
    this.number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
    this.intervals = []; // {at, point, before}
    this.compareDays = Number(this.said.compareDays ?? 0);
    this.listen();
    this.choose(86400);
  }

  listen() {
    const each = (selector, act) =>
      this.section
        .querySelectorAll(selector)
        .forEach((element) => element.addEventListener("click", () => act(element)));
    each("[data-range]", (button) => this.choose(Number(button.dataset.range)));
    each("[data-move]", (button) => this.move(button.dataset.move));
    this.section.querySelector("[data-chart-zone]")?.addEventListener("change", () => this.load());
    this.table.addEventListener("toggle", () => this.fillTable());
    this.plotBox.addEventListener("dblclick", () => this.choose(86400));
    this.section.addEventListener("cp:zoom", ({ detail }) => this.zoom(detail.range));
    new ResizeObserver(() => {
      if (!this.plot || !this.width) return;
      this.plot.setSize({ width: this.width, height: HEIGHT });
    }).observe(this.plotBox);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["class"] });
    document.addEventListener("visibilitychange", () => this.refresh());
    setInterval(() => this.refresh(), REFRESH_MS);
  }

  get width() {
    return this.plotBox.clientWidth;
  }

  // The last so many seconds, which go on with the clock.
  choose(span) {
    this.span = span;
    this.show([nowSeconds() - span, nowSeconds()]);
  }

  move(how) {
    this.zoom(moved(this.range, how));
  }

  zoom(range) {
    this.span = null;
    this.show(shown(range, nowSeconds()));
  }

  show(range) {
    this.range = range;
    for (const button of this.section.querySelectorAll("[data-range]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.range) === this.span));
    }
    this.load();
  }

  refresh() {
    if (document.visibilityState === "hidden" || !(this.span || this.failed)) return;
    if (this.span) this.range = [nowSeconds() - this.span, nowSeconds()];
    this.load();
  }

  async load() {
    const [bucket, seconds] = bucketFor(this.range);
    const asked = widened(this.range, seconds);
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const [points, before] = await Promise.all([
        this.points(bucket, asked),
        this.compareDays
          ? this.points(
              bucket,
              asked.map((at) => this.daysLater(at, -this.compareDays)),
            )
          : [],
      ]);
      const earlier = new Map(
        before.map((point) => [this.daysLater(Date.parse(point.start) / 1000, this.compareDays), meanOf(point)]),
      );
      this.intervals = complete(points, this.range, seconds, this.zone);
      for (const interval of this.intervals) interval.before = earlier.get(interval.at) ?? null;
      this.failed = false;
      this.draw();
      this.announce();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.failed = true;
      this.status.textContent = this.said.failed;
    }
  }

  daysLater(at, days) {
    return daysLater(at, days, this.zone);
  }

  async points(bucket, [from, to]) {
    const zone = this.section.querySelector("[data-chart-zone]")?.value;
    const moment = (at) => new Date(at * 1000).toISOString();
    const asked = new URLSearchParams({ bucket, from: moment(from), to: moment(to), ...(zone && { zone }) });
    const answer = await fetch(`${this.said.series}?${asked}`, { signal: this.asked.signal });
    if (!answer.ok) throw new Error(answer.status);
    return (await answer.json()).points;
  }

  // Hours, with the day under the first one of each.
  ticks(splits, step) {
    const days = splits.map((at) => this.day.format(at * 1000));
    if (step >= 86400) return days;
    return splits.map((at, i) => this.clock.format(at * 1000) + (days[i] === days[i - 1] ? "" : `\n${days[i]}`));
  }

  draw() {
    this.plot?.destroy();
    const column = (read) => this.intervals.map(({ point }) => (point ? (read(point) ?? null) : null));
    const data = [
      this.intervals.map(({ at }) => at),
      column((point) => point.max),
      column((point) => point.min),
      this.intervals.map(({ before }) => before),
      column(meanOf),
    ];
    const style = getComputedStyle(this.section);
    const colour = (name) => style.getPropertyValue(name).trim();
    const dark = document.documentElement.classList.contains("dark");
    const ink = dark ? "#9ca3af" : "#4b5563";
    const grid = { stroke: dark ? "#33384455" : "#e5e7eb", width: 1 };
    const line = colour("--cp-data");
    const axis = { stroke: ink, grid, ticks: { ...grid, size: 4 }, font: "11px Inter, sans-serif" };
    // A point that stands alone between two gaps has no line: it is drawn as a dot.
    const alone = (plot, index) =>
      plot.data[index].flatMap((at, i, all) =>
        at != null && all[i - 1] == null && all[i + 1] == null ? [i] : [],
      );
    const points = { show: true, filter: alone, size: 4, fill: line };
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    this.plot = new uPlot(
      {
        width: this.width || 600,
        height: HEIGHT,
        legend: { show: false },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), this.zone),
        scales: {
          x: { range: () => this.range },
          y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          { ...axis, values: (_plot, splits, _axis, _space, step) => this.ticks(splits, step) },
          { ...axis, size: 44 },
        ],
        series: [
          {},
          edge,
          edge,
          { stroke: colour("--cp-data-before"), width: 1.5, dash: [2, 4], points: { show: false } },
          { stroke: line, width: 1.5, points },
        ],
        bands: [{ series: [1, 2], fill: colour("--cp-data-soft") }],
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
        hooks: {
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width > 4) this.zoom([left, left + width].map((spot) => plot.posToVal(spot, "x")));
            },
          ],
          setCursor: [(plot) => this.point(plot.cursor)],
          draw: [(plot) => this.tellDrawn(plot)],
        },
      },
      data,
      this.plotBox,
    );
    this.tip = Object.assign(document.createElement("div"), { className: "cp-tip", hidden: true });
    this.plot.over.append(this.tip);
    this.fillTable();
  }

  // What stands under the pointer.
  point({ idx, left }) {
    if (!this.tip) return;
    const interval = left >= 0 ? this.intervals[idx] : null;
    this.tip.hidden = !interval;
    if (!interval) return;
    const number = (value) => (value == null ? "–" : this.number.format(value));
    const { at, point, before } = interval;
    const time = this.time.format(at * 1000);
    const texts = [
      point
        ? fill(this.said.tip, {
            at: time,
            mean: number(meanOf(point)),
            least: number(point.min),
            most: number(point.max),
          })
        : `${time}: ${this.said.gap}`,
    ];
    if (before != null) texts.push(fill(this.said.tipBefore, { before: number(before) }));
    this.tip.textContent = texts.join("; ");
    const room = this.plot.over.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, left - this.tip.offsetWidth / 2))}px`;
  }

  // Where the range lies within the section, for what is drawn below.
  tellDrawn({ bbox }) {
    const detail = { range: this.range, left: bbox.left / devicePixelRatio, width: bbox.width / devicePixelRatio };
    this.section.dispatchEvent(new CustomEvent("cp:drawn", { detail }));
  }

  announce() {
    const { mean, least, most, gaps, intervals } = summaryOf(this.intervals);
    const [from, to] = this.range.map((at) => this.time.format(at * 1000));
    const number = (value) => this.number.format(value);
    const said = fill(gaps < intervals ? this.said.summary : this.said.nothing, {
      from,
      to,
      gaps,
      intervals,
      mean: number(mean),
      least: number(least),
      most: number(most),
    });
    this.plotBox.setAttribute("aria-label", said);
    if (this.status.textContent !== said) this.status.textContent = said;
  }

  fillTable() {
    if (!this.table.open) return;
    const columns = [...this.table.querySelectorAll("[data-column]")].map(({ dataset }) => dataset.column);
    const rows = this.intervals.map(({ at, point, before }) => {
      const row = document.createElement("tr");
      const value = (name) => ({ mean: point && meanOf(point), before })[name] ?? point?.[name];
      const cells = columns.map((name) => {
        const number = value(name);
        if (number == null) return name === "mean" ? this.said.gap : "–";
        return this.number.format(number);
      });
      row.append(
        Object.assign(document.createElement("th"), { scope: "row", textContent: this.time.format(at * 1000) }),
      );
      row.append(...cells.map((textContent) => Object.assign(document.createElement("td"), { textContent })));
      return row;
    });
    this.table.querySelector("tbody").replaceChildren(...rows);
  }
}

document.querySelectorAll("[data-series]").forEach((section) => new Chart(section));
