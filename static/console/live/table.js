/**
 * The table of what runs. Rows stay the same elements while they run, so that focus and selection stay, too.
 */

import { element, setText } from "../../common/dom.js";
import { milliseconds } from "../../common/units.js";
import { age, compact, dollars, principalName, speed, stateName, transportName, viewersText } from "../format.js";
import { createSparkline } from "./sparkline.js";

const COLUMNS = [
  ["State", ""], ["Model", ""], ["Principal", "wide"], ["Viewers", "middle"], ["First token", "number wide"],
  ["Age", "number"], ["Speed", "number"], ["Tokens", "number middle"], ["Cost", "number middle"],
];

/** Shows the rows that match a filter. */
export class LiveTable {
  #root;
  #onOpen;
  #body = element("tbody");
  #table;
  #empty = element("div", { className: "empty-state" });
  #rows = /** @type {Map<string, LiveRow>} */ (new Map());

  /**
   * @param {HTMLElement} root
   * @param {(id: string) => void} onOpen
   */
  constructor(root, onOpen) {
    this.#root = root;
    this.#onOpen = onOpen;
    const heads = COLUMNS.map(([name, className]) => element("th", { scope: "col", className, textContent: name }));
    this.#table = element("table", { className: "rows live-rows" }, element("thead", {}, element("tr", {}, ...heads)), this.#body);
    root.append(this.#table, this.#empty);
  }

  /**
   * @param {import("./state.js").LiveState} state
   * @param {{now: number, filter: string, loaded: boolean}} shown `now`: seconds since 1970, by the gateway's clock
   */
  show(state, { now, filter, loaded }) {
    const rows = [...state.rows.values()].filter((row) => matches(row, filter));
    this.#table.hidden = rows.length === 0;
    this.#showEmpty(rows.length, state.rows.size, loaded);
    const kept = new Set(rows.map(({ id }) => id));
    for (const [id, shown] of this.#rows) {
      if (kept.has(id)) continue;
      shown.element.remove();
      this.#rows.delete(id);
    }
    const many = state.gateways.length > 1;
    let before = /** @type {Element|null} */ (this.#body.firstElementChild);
    for (const row of rows) {
      let shown = this.#rows.get(row.id);
      if (!shown) {
        shown = new LiveRow(row.id, this.#onOpen);
        this.#rows.set(row.id, shown);
      }
      if (shown.element === before) before = before.nextElementSibling;
      else this.#body.insertBefore(shown.element, before);
      shown.show(row, state.speedOf(row.id), now, many);
    }
    return rows.length;
  }

  #showEmpty(shown, all, loaded) {
    this.#empty.hidden = shown > 0;
    if (shown > 0) return;
    const [title, text] = !loaded ? ["Loading…", ""] : all > 0 ? ["Nothing matches.", "Change the filter to see what runs."]
      : ["Nothing runs.", "Answers appear here as soon as they start."];
    if (this.#empty.dataset.title === title) return; // its link may have the focus
    this.#empty.dataset.title = title;
    const link = loaded && all === 0 ? [element("a", { href: "/", textContent: "Start one on the demo page" })] : [];
    this.#empty.replaceChildren(element("p", { className: "empty-title", textContent: title }), element("p", { textContent: text }), ...link);
  }
}

/** True if a row contains the text. @param {any} row @param {string} filter */
export function matches(row, filter) {
  const text = filter.trim().toLowerCase();
  return text === "" || [row.id, row.model, row.principal, row.provider ?? "", row.state, row.transport, row.dialect].some((value) => value.toLowerCase().includes(text));
}

class LiveRow {
  element = element("tr", { tabIndex: -1 });
  #cells = COLUMNS.map(([, className]) => element("td", { className }));
  #spark = createSparkline();
  #speed = element("span", { className: "speed-value" });
  #model = element("span", { className: "main" });
  #note = element("span", { className: "sub" });
  #open;
  #state = element("span", { className: "state" });

  constructor(id, onOpen) {
    const [state, model, , , , , speedCell] = this.#cells;
    state.append(this.#state);
    this.#open = element("button", { type: "button", className: "row-open" }, this.#model);
    this.#open.addEventListener("click", (event) => { event.stopPropagation(); onOpen(id); });
    model.append(this.#open, this.#note);
    speedCell.append(element("span", { className: "speed" }, this.#spark.svg, this.#speed));
    this.element.append(...this.#cells);
    this.element.addEventListener("click", () => { if (!getSelection()?.toString()) onOpen(id); });
  }

  show(row, { now: tokensPerSecond, samples }, now, many) {
    const [, , principal, viewers, first, time, , tokens, cost] = this.#cells;
    this.element.dataset.state = row.state;
    setText(this.#state, row.state === "queued" && row.queue_position ? `Queued, place ${row.queue_position}` : stateName(row.state));
    setText(this.#model, row.model);
    const attempt = row.attempt > 1 ? `attempt ${row.attempt}` : "";
    const revision = row.revision > 1 ? `revision ${row.revision}` : "";
    setText(this.#note, [row.provider, attempt, revision, many ? row.gateway : ""].filter(Boolean).join(" · "));
    setText(principal, principalName(row.principal));
    setText(viewers, viewersText(row.viewers));
    this.element.title = `${row.id}, started by ${transportName(row.transport)}`;
    setText(first, row.ttft_ms === null ? "–" : milliseconds(row.ttft_ms));
    setText(time, age(now - row.started));
    setText(this.#speed, row.state === "streaming" ? `${speed(tokensPerSecond)}/s` : "–");
    this.#spark.show(samples);
    setText(tokens, compact(row.output_tokens));
    setText(cost, dollars(row.cost_usd));
    this.#open.setAttribute("aria-label", `${row.model}, of ${row.principal}: open`);
  }
}
