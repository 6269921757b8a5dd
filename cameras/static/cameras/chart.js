// The series of one camera: mean and the span from least to most, over a range that can be chosen and zoomed.
//
// What is not known is a gap in the line and a row of its own in the table, never a value between two others.

import { bucketFor, complete, meanOf, moved, shown, summaryOf, widened } from "./series.js";

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
    this.intervals = []; // {at, point}
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
    new ResizeObserver(
      () => this.plot && this.width && this.plot.setSize({ width: this.width, height: HEIGHT }),
    ).observe(this.plotBox);
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
    const [from, to] = widened(this.range, seconds);
    const zone = this.section.querySelector("[data-chart-zone]")?.value;
    const moment = (at) => new Date(at * 1000).toISOString();
    const asked = new URLSearchParams({ bucket, from: moment(from), to: moment(to), ...(zone && { zone }) });
    this.asked?.abort();
    this.asked = new AbortController();
    try {
      const answer = await fetch(`${this.said.series}?${asked}`, { signal: this.asked.signal });
      if (!answer.ok) throw new Error(answer.status);
      this.intervals = complete((await answer.json()).points, this.range, seconds, this.zone);
      this.failed = false;
      this.draw();
      this.announce();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.failed = true;
      this.status.textContent = this.said.failed;
    }
  }

  // Hours, with the day under the first one of each.
  ticks(splits, step) {
    const days = splits.map((at) => this.day.format(at * 1000));
    if (step >= 86400) return days;
    return splits.map((at, i) => this.clock.format(at * 1000) + (days[i] === days[i - 1] ? "" : `\n${days[i]}`));
  }

  draw() {
    this.plot?.destroy();
    const column = (read) => this.intervals.map(({ point }) => (point ? read(point) : null));
    const data = [
      this.intervals.map(({ at }) => at),
      column((point) => point.max),
      column((point) => point.min),
      column(meanOf),
    ];
    const dark = document.documentElement.classList.contains("dark");
    const ink = dark ? "#9ca3af" : "#4b5563";
    const grid = { stroke: dark ? "#33384455" : "#e5e7eb", width: 1 };
    const [line, band] = dark ? ["#c084fc", "#c084fc33"] : ["#7e22ce", "#a855f730"];
    const axis = { stroke: ink, grid, ticks: { ...grid, size: 4 }, font: "11px Inter, sans-serif" };
    const value = (_plot, at) => (at == null ? "–" : this.number.format(at));
    // A point that stands alone between two gaps has no line: it is drawn as a dot.
    const alone = (plot, index) =>
      plot.data[index].flatMap((at, i, all) =>
        at != null && all[i - 1] == null && all[i + 1] == null ? [i] : [],
      );
    const edge = { stroke: "transparent", width: 0, points: { show: false }, value };
    this.plot = new uPlot(
      {
        width: this.width || 600,
        height: HEIGHT,
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
          { label: this.said.at, value: (_plot, at) => (at == null ? "–" : this.time.format(at * 1000)) },
          { ...edge, label: this.said.most },
          { ...edge, label: this.said.least },
          {
            label: this.said.mean,
            stroke: line,
            width: 1.5,
            value,
            points: { show: true, filter: alone, size: 4, fill: line },
          },
        ],
        bands: [{ series: [1, 2], fill: band }],
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
        hooks: {
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width > 4) this.zoom([left, left + width].map((spot) => plot.posToVal(spot, "x")));
            },
          ],
        },
      },
      data,
      this.plotBox,
    );
    this.fillTable();
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
    const rows = this.intervals.map(({ at, point }) => {
      const row = document.createElement("tr");
      const cells = point
        ? [meanOf(point), point.min, point.max, point.count].map((number) =>
            number == null ? "–" : this.number.format(number),
          )
        : [this.said.gap, "–", "–", "–"];
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
