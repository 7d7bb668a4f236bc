/**
 * The comparison below the panes: a big figure, a card for each measure, and what the figures say. It is drawn from the
 * history after each run, and while one runs from its figures so far.
 */

import { element, setText } from "../../common/dom.js";
import { Drawing } from "../../common/charts/drawing.js";
import { hills } from "./charts/hills.js";
import { stacks } from "./charts/stacks.js";
import { strips } from "./charts/strips.js";
import { MEASURES } from "./measures.js";
import { NAMES } from "./names.js";
import { median } from "./quantiles.js";
import { header, headOf, scrollBox } from "./tables.js";
import { UNKNOWN, counted, milliseconds } from "../../common/units.js";
import { headline } from "./verdict.js";
import { VerdictView } from "./verdict-view.js";

const SHOWN = ["sse", "websocket"]; // rows without runs are shown, too: they say what to do

/** The section; `show` draws a history. */
export class Comparison {
  #title = element("h2", { id: "differences-title", textContent: "What differs, measured here", tabIndex: -1 });
  #headline = element("p", { className: "differences-headline" });
  #scope = element("p", { className: "differences-scope" });
  #tiles = element("div", { className: "tiles" });
  #cards = MEASURES.map((measure) => new Card(measure));
  #grid = element("div", { className: "measure-cards" }, ...this.#cards.map((card) => card.element));
  #verdict = new VerdictView();

  /**
   * @param {HTMLElement} slot
   * @param {...HTMLElement} controls shown beside the title
   */
  constructor(slot, ...controls) {
    // Cards are of one height, until one is opened. The event does not bubble.
    this.#grid.addEventListener("toggle", () => this.#grid.classList.toggle("opened", this.#grid.querySelector("details[open]") !== null), true);
    slot.removeAttribute("aria-label");
    slot.setAttribute("aria-labelledby", "differences-title");
    slot.replaceChildren(
      element("header", { className: "differences-head" },
        element("div", {}, this.#title, this.#headline, this.#scope),
        element("div", { className: "differences-controls" }, ...controls)),
      this.#tiles,
      this.#grid,
      this.#verdict.element,
    );
  }

  /** Scroll to it, and move the focus there: the next Tab reaches the button that measures. */
  reveal() {
    this.#title.scrollIntoView({ block: "start" });
    this.#title.focus({ preventScroll: true });
  }

  /** Show the runs of a history. @param {import("./history.js").History} history */
  show(history) {
    setText(this.#headline, headline(history));
    setText(this.#scope, scopeOf(history));
    this.#tiles.replaceChildren(...tilesOf(history));
    for (const card of this.#cards) card.show(history);
    this.#verdict.show(history);
  }
}

function scopeOf(history) {
  if (history.transports.length === 0) return "";
  const runs = history.transports.map((transport) => `${NAMES[transport]} ${history.runs(transport).length}`).join(", ");
  return `Runs: ${runs}, with ${history.model || "the default model"}. Medians; other settings start a new comparison.`;
}

/** Return the big figures: how fast a stop is, and what reaches the model. */
function tilesOf(history) {
  const all = (read) => history.transports.flatMap((transport) => history.values(transport, read));
  const stops = all(({ stopMs }) => stopMs);
  const cancels = all(({ cancelMs }) => cancelMs);
  const returned = all(({ intact }) => (intact === null ? null : Number(intact)));
  return [
    tile("Stop, as you see it", milliseconds(median(stops)), stops.length === 0 ? "Press Stop while text streams." : `Median of ${counted(stops.length, "stop")}, click to last event.`),
    tile("Model’s connection closed", milliseconds(median(cancels)), cancels.length === 0 ? "Measured by the gateway with each stop." : "After the gateway read the stop. From then on nothing is generated or billed."),
    tile("Text after a broken connection", returned.length === 0 ? "–" : returned.every(Boolean) ? "complete" : "differs", returned.length === 0 ? "Break the connection while text streams." : `Compared with the gateway’s own, ${counted(returned.length, "time")}, character by character.`),
    tile("Added to the model’s first token", milliseconds(median(all(({ addedTtftMs }) => addedTtftMs))), "By gateway, transport and page, on top of the model’s own time."),
  ];
}

function tile(title, value, note) {
  return element("div", { className: "tile" }, element("span", { className: "tile-title", textContent: title }), element("strong", { textContent: value }), element("span", { className: "tile-note", textContent: note }));
}

/** One measure: chart, caption, and the values as a table. */
class Card {
  /** @type {HTMLElement} */
  element;
  #measure;
  #drawing = new Drawing();
  #table = element("table", {});

  constructor(measure) {
    this.#measure = measure;
    const id = `measure-${measure.id}`;
    this.element = element("article", { className: "measure-card", data: { measure: measure.id } },
      element("h3", { id, textContent: measure.title }),
      element("p", { className: "caption", textContent: measure.caption }),
      this.#drawing.element,
      element("details", {},
        element("summary", {}, "Values and method", element("span", { className: "visually-hidden", textContent: ` of ${measure.title}` })),
        element("p", { className: "caption", textContent: measure.method }),
        scrollBox(this.#table, `Values of ${measure.title}`)));
    this.element.setAttribute("aria-labelledby", id);
  }

  show(history) {
    const transports = [...new Set([...SHOWN, ...history.transports])];
    const { format, missing } = this.#measure;
    this.#drawing.show((width) => CHARTS[this.#measure.chart](this.#measure, history, transports, { width, format, missing }), this.#name(history, transports));
    this.#table.replaceChildren(...tableOf(this.#measure, history, transports));
  }

  #name(history, transports) {
    const { title, format, value } = this.#measure;
    const medians = transports.map((transport) => `${NAMES[transport]} ${format(history.median(transport, value)).replace("–", "not measured")}`);
    return `${title}, median: ${medians.join("; ")}`;
  }
}

/** The run whose value is nearest to the median: its parts add up, as medians of parts do not. */
function typicalRun(history, transport, read) {
  const middle = history.median(transport, read);
  const runs = history.runs(transport).filter((run) => read(run) !== null);
  return runs.sort((a, b) => Math.abs(read(a) - middle) - Math.abs(read(b) - middle))[0] ?? null;
}

const CHARTS = {
  strips: ({ value }, history, transports, options) => strips(
    transports.map((transport) => ({ transport, values: history.values(transport, value), median: history.median(transport, value) })), options),
  steps: ({ id, value }, history, transports, options) => stacks(
    transports.map((transport) => ({ transport, parts: stepsOf(typicalRun(history, transport, value), id) })), options),
  bytes: ({ value }, history, transports, options) => stacks(
    transports.map((transport) => ({ transport, parts: partsOf(typicalRun(history, transport, value)) })), options),
  gaps: ({ value }, history, transports, options) => hills(
    transports.map((transport) => ({ transport, values: history.runs(transport).flatMap(({ gaps }) => gaps), p95: history.median(transport, value) })), options),
};

function stepsOf(run, id) {
  const handshake = (id === "next" && run?.nextHandshake) || run?.handshake;
  return handshake ? handshake.steps.map(({ label, ms }) => ({ label, value: ms })) : [];
}

function partsOf(run) {
  if (!run?.perEvent) return [];
  const { event, framing } = run.perEvent;
  return [{ label: "event", value: event }, { label: "framing", value: framing }];
}

/** Return the rows of a card's table: each run, and the median. */
function tableOf({ title, value, format, more = [] }, history, transports) {
  const columns = transports.map((transport) => history.runs(transport).map(value));
  const rows = Array.from({ length: Math.max(0, ...columns.map((column) => column.length)) }, (_, run) => [`Run ${run + 1}`, ...columns.map((column) => format(column[run] ?? null))]);
  const medians = ["Median", ...transports.map((transport) => format(history.median(transport, value)))];
  const newest = more.map(([name, read]) => [name, ...transports.map((transport) => readNewest(history, transport, read))]);
  return [
    element("caption", { className: "visually-hidden", textContent: title }),
    headOf(transports),
    bodyOf([...rows, medians]),
    bodyOf(newest),
  ];
}

/** Return a figure of the newest run of a transport. */
function readNewest(history, transport, read) {
  const run = history.runs(transport).at(-1);
  return run === undefined ? UNKNOWN : read(run);
}

const bodyOf = (rows) => element("tbody", {}, ...rows.map(([name, ...cells]) => (
  element("tr", {}, header(name, "row"), ...cells.map((textContent) => element("td", { textContent }))))));
