/**
 * The charts of the last hour, each with its present value, the values at the pointer, and a table of all values.
 */

import { Drawing } from "../../common/charts/drawing.js";
import { element, setText } from "../../common/dom.js";
import { clockTime } from "../format.js";
import { draw, plotOf } from "./chart.js";
import { CHARTS } from "./charts.js";
import { minutesOf } from "./series.js";

/** All charts. */
export class ChartCards {
  #cards;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#cards = CHARTS.map((chart) => new ChartCard(chart));
    root.append(...this.#cards.map(({ element: card }) => card));
  }

  /**
   * @param {{buckets: any[], bounds: number[]}} history
   * @param {number} now seconds since 1970, by the gateway's clock
   */
  show({ buckets, bounds }, now) {
    const minutes = minutesOf(buckets, now);
    for (const card of this.#cards) card.show(minutes, bounds);
  }
}

class ChartCard {
  #chart;
  #drawing = new Drawing();
  #value = element("strong", { className: "chart-value" });
  #note = element("span", { className: "chart-note" });
  #legend = element("ul", { className: "legend" });
  #hover = element("div", { className: "hover" });
  #empty = element("p", { className: "chart-empty", textContent: "No data in the last hour." });
  #table = element("div", { className: "table-scroll values" });
  #details;
  #shown = /** @type {any} */ (null);
  #marked = /** @type {number|null} */ (null);

  constructor(chart) {
    this.#chart = chart;
    this.#hover.hidden = true;
    this.#table.tabIndex = 0;
    this.#table.setAttribute("role", "region");
    this.#table.setAttribute("aria-label", `${chart.title}, values`);
    this.#details = element("details", {}, element("summary", { textContent: "Values" }), this.#table);
    this.#details.addEventListener("toggle", () => this.#showTable());
    const head = element("header", { className: "chart-head" }, element("h3", { textContent: chart.title }), element("p", {}, this.#value, " ", this.#note));
    const plot = element("div", { className: "plot" }, this.#drawing.element, this.#hover, this.#empty);
    plot.addEventListener("pointermove", (event) => this.#point(event));
    plot.addEventListener("pointerleave", () => this.#mark(null));
    this.element = element("article", { className: "card chart-card", data: { chart: chart.id } }, head, plot, this.#legend, this.#details);
  }

  show(minutes, bounds) {
    const { series, value, note, summary } = this.#chart.read(minutes, bounds);
    const { kind, format } = this.#chart;
    this.#shown = { kind, series, times: minutes.map(({ at }) => at), format, clock: (at) => clockTime(at, false) };
    this.#empty.hidden = series.some(({ values }) => values.some((one) => one));
    setText(this.#value, value);
    setText(this.#note, note);
    this.#showLegend(series);
    this.#draw(summary);
    this.#showTable();
  }

  #draw(summary = this.#drawing.element.getAttribute("aria-label") ?? "") {
    this.#drawing.show((width) => draw(this.#shown, width, this.#marked), summary);
  }

  #showLegend(series) {
    const names = series.map(({ name, colour }) => `${name} ${colour}`).join("\n");
    if (this.#legend.dataset.names === names) return;
    this.#legend.dataset.names = names;
    this.#legend.hidden = series.length < 2;
    this.#legend.replaceChildren(...series.map(({ name, colour }) => element("li", {}, element("span", { className: `key ${colour}` }), name)));
  }

  #point({ clientX }) {
    if (!this.#shown || !this.#empty.hidden) return;
    const box = this.#drawing.element.getBoundingClientRect();
    const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    const plot = plotOf(Math.round(box.width / scale), this.#shown.times.length);
    this.#mark(plot.index((clientX - box.left) / scale));
    this.#place(plot, box, scale);
  }

  #place(plot, box, scale) {
    if (this.#marked === null) return;
    const x = plot.x(this.#marked) * scale;
    const width = this.#hover.offsetWidth;
    this.#hover.style.left = `${Math.max(0, x + 10 + width > box.width ? x - width - 10 : x + 10)}px`;
  }

  #mark(index) {
    if (index === this.#marked) return;
    this.#marked = index;
    this.#hover.hidden = index === null;
    if (index !== null) this.#hover.replaceChildren(...this.#linesAt(index));
    if (this.#shown) this.#draw();
  }

  #linesAt(index) {
    const { series, times, format } = this.#shown;
    const rows = series.filter(({ values }) => series.length < 3 || values[index]).map(({ name, colour, values }) => element("p", {},
      element("span", { className: `key ${colour}` }), `${name} `, element("strong", { textContent: values[index] === null ? "–" : format(values[index]) })));
    return [element("p", { className: "hover-time", textContent: `${clockTime(times[index], false)} to ${clockTime(times[index] + 60, false)}` }), ...rows];
  }

  #showTable() {
    if (!this.#details.open || !this.#shown) return;
    const { series, times, format } = this.#shown;
    const head = element("tr", {}, element("th", { scope: "col", textContent: "Minute" }), ...series.map(({ name }) => element("th", { scope: "col", textContent: name })));
    const rows = times.map((at, index) => ({ at, cells: series.map(({ values }) => values[index]) })).filter(({ cells }) => cells.some((value) => value));
    const body = rows.reverse().map(({ at, cells }) => element("tr", {}, element("th", { scope: "row", textContent: clockTime(at, false) }),
      ...cells.map((value) => element("td", { textContent: value === null ? "–" : format(value) }))));
    this.#table.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
  }
}
