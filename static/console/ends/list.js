/**
 * The newest ends, filtered by how they ended.
 */

import { element, setText } from "../../common/dom.js";
import { milliseconds, number } from "../../common/units.js";
import { clockTime, dollars, endCode, principalName, stateName, transportName } from "../format.js";

const COLUMNS = [["Time", ""], ["End", ""], ["Model", ""], ["Principal", "wide"], ["First token", "number middle"], ["Duration", "number"], ["Tokens", "number wide"], ["Cost", "number middle"], ["Attempts", "number wide"]];
const MAX = 200;

/** The ends that this page knows of, newest first. Pure. */
export class Ends {
  /** @type {Map<string, any>} */
  byId = new Map();

  /** Add ends; the oldest make room. @param {any[]} summaries */
  add(summaries) {
    for (const summary of summaries) this.byId.set(summary.id, summary);
    const sorted = [...this.byId.values()].sort((left, right) => right.ended_at - left.ended_at).slice(0, MAX);
    this.byId = new Map(sorted.map((summary) => [summary.id, summary]));
  }

  /** Return how often each kind of end occurs: complete, interrupted, then codes, most frequent first. */
  get counts() {
    const counts = new Map();
    for (const summary of this.byId.values()) counts.set(endCode(summary), (counts.get(endCode(summary)) ?? 0) + 1);
    const first = ["complete", "interrupted"].filter((code) => counts.has(code));
    const codes = [...counts.keys()].filter((code) => !first.includes(code)).sort((left, right) => counts.get(right) - counts.get(left));
    return [...first, ...codes].map((code) => ({ code, count: counts.get(code) }));
  }
}

/** Shows them. */
export class EndsView {
  #ends;
  #filters;
  #root;
  #onOpen;
  #count;
  #chosen = "all";
  #loaded = false;

  /**
   * @param {{ends: Ends, filters: HTMLElement, root: HTMLElement, count: HTMLElement, onOpen: (id: string) => void}} parts
   */
  constructor({ ends, filters, root, count, onOpen }) {
    this.#ends = ends;
    this.#filters = filters;
    this.#root = root;
    this.#count = count;
    this.#onOpen = onOpen;
  }

  show(loaded = this.#loaded) {
    this.#loaded = loaded;
    const counts = this.#ends.counts;
    if (!counts.some(({ code }) => code === this.#chosen)) this.#chosen = "all";
    this.#showFilters(counts);
    const shown = [...this.#ends.byId.values()].filter((summary) => this.#chosen === "all" || endCode(summary) === this.#chosen);
    setText(this.#count, shown.length ? number(shown.length) : "");
    const focused = document.activeElement?.closest("tr")?.dataset.id;
    this.#root.replaceChildren(shown.length ? this.#table(shown) : this.#empty());
    if (focused) this.#root.querySelector(`tr[data-id="${CSS.escape(focused)}"] button`)?.focus();
  }

  #showFilters(counts) {
    const all = { code: "all", count: this.#ends.byId.size };
    const focused = document.activeElement?.getAttribute("data-code");
    this.#filters.replaceChildren(...[all, ...counts].map(({ code, count }) => {
      const button = element("button", { type: "button", className: "chip", data: { code } }, code === "all" ? "All" : ["complete", "interrupted"].includes(code) ? stateName(code) : code, element("span", { className: "chip-count", textContent: number(count) }));
      button.setAttribute("aria-pressed", String(code === this.#chosen));
      button.addEventListener("click", () => { this.#chosen = code; this.show(); });
      return button;
    }));
    if (focused) this.#filters.querySelector(`[data-code="${CSS.escape(focused)}"]`)?.focus();
  }

  #table(shown) {
    const heads = COLUMNS.map(([name, className]) => element("th", { scope: "col", className, textContent: name }));
    return element("table", { className: "rows" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...shown.map((summary) => this.#row(summary))));
  }

  #row(summary) {
    const { id, ended_at: ended, end, code, model, provider, principal, metrics, usage, cost_usd: cost, attempts, source } = summary;
    const open = element("button", { type: "button", className: "row-open" }, element("span", { className: "main", textContent: model }));
    open.setAttribute("aria-label", `${model}, of ${principal}, ${code ?? end}: open`);
    open.addEventListener("click", (event) => { event.stopPropagation(); this.#onOpen(id); });
    const cells = [
      clockTime(ended), element("span", { className: "end-badge", data: { state: end }, textContent: code ?? stateName(end) }),
      [open, element("span", { className: "sub", textContent: [provider ?? attempts.at(-1)?.provider, transportName(source.transport)].filter(Boolean).join(" · ") })], principalName(principal),
      milliseconds(metrics.ttft_ms), milliseconds(metrics.duration_ms), `${number(usage.input_tokens)} / ${number(usage.output_tokens)}`, dollars(cost), String(attempts.length),
    ];
    const row = element("tr", { data: { id } }, ...cells.map((cell, index) => element("td", { className: COLUMNS[index][1] }, ...(Array.isArray(cell) ? cell : [cell]))));
    row.addEventListener("click", () => { if (!getSelection()?.toString()) this.#onOpen(id); });
    return row;
  }

  #empty() {
    const [title, text] = this.#loaded ? ["Nothing has ended yet.", "The last 200 ends appear here."] : ["Loading…", ""];
    return element("div", { className: "empty-state" }, element("p", { className: "empty-title", textContent: title }), element("p", { textContent: text }));
  }
}
