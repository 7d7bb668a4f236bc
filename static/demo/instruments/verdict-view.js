/**
 * "What you measured here": the verdict as a table, the arithmetic for networks, and what the figures can't say.
 */

import { element } from "../../common/dom.js";
import { isSimulator } from "./settings.js";
import { header, headOf, scrollBox } from "./tables.js";
import { milliseconds } from "../../common/units.js";
import { hints, networkRows, verdictRows } from "./verdict.js";

export class VerdictView {
  #table = element("table", { className: "verdict-table" });
  #network = element("table", { className: "verdict-table" });
  #hints = element("ul", { className: "verdict-hints" });
  #verdict = element("article", { className: "measure-card" }, element("h3", { textContent: "What you measured here" }), scrollBox(this.#table, "What you measured here"));
  #networks = element("article", { className: "measure-card" },
    element("h3", { textContent: "The same handshake on a network" }),
    element("p", { className: "caption", textContent: "Arithmetic, not a measurement: the time measured here, and one round trip for each time the page had to wait." }),
    scrollBox(this.#network, "The same handshake on a network"));
  /** @type {HTMLElement} */
  element = element("div", { className: "differences-verdict" }, this.#verdict, this.#networks,
    element("article", { className: "measure-card" }, element("h3", { textContent: "What these figures do not say" }), this.#hints));

  /** @param {import("./history.js").History} history */
  show(history) {
    const { transports } = history;
    const rows = verdictRows(history);
    this.#verdict.hidden = rows.length === 0;
    this.#table.replaceChildren(headOf(transports, "What it means"), element("tbody", {}, ...rows.map(({ title, values, better, meaning }) => element("tr", {},
      header(title, "row"),
      ...transports.map((transport) => element("td", { className: transport === better ? "better" : "", textContent: values[transport] ?? "–", data: { transport } })),
      element("td", { className: "meaning", textContent: meaning })))));
    const networks = networkRows(history);
    this.#networks.hidden = networks.length === 0;
    this.#network.replaceChildren(headOf(transports), element("tbody", {}, ...networks.map(({ name, rttMs, ms }) => element("tr", {},
      header(`${rttMs} ms, ${name}`, "row"),
      ...transports.map((transport) => element("td", { textContent: milliseconds(ms[transport] ?? null) }))))));
    this.#hints.replaceChildren(...hints(this.#where(history)).map((textContent) => element("li", { textContent })));
  }

  #where(history) {
    const { hostname, protocol } = location;
    const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource"));
    const httpVersion = entries.findLast(({ name }) => name.includes("/api/"))?.nextHopProtocol || null;
    const runs = history.transports.length === 0 ? 0 : Math.min(...history.transports.map((transport) => history.runs(transport).length));
    return { hostname, protocol, httpVersion, runs, simulated: isSimulator((history.model ?? "").split("?", 1)[0]) };
  }
}
