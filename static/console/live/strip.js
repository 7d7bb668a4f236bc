/**
 * The figures of the deployment, above everything else.
 */

import { element, setText } from "../../common/dom.js";
import { age, compact, speed } from "../format.js";

const FIGURES = [
  ["running", "Running"], ["queued", "Queued"], ["speed", "Tokens/s"], ["viewers", "Viewers"],
  ["streams", "Streams"], ["store", "Store"], ["gateway", "Gateway"],
];

/** Shows the figures. */
export class Strip {
  #values = new Map();

  /** @param {HTMLElement} root */
  constructor(root) {
    for (const [name, title] of FIGURES) {
      const [value, note] = [element("dd", { className: "figure" }), element("dd", { className: "figure-note" })];
      const cell = element("div", { data: { figure: name } }, element("dt", { textContent: title }), value, note);
      this.#values.set(name, { cell, value, note });
      root.append(cell);
    }
  }

  /**
   * @param {import("./state.js").LiveState} state
   * @param {number} now seconds since 1970, by the gateway's clock
   */
  show(state, now) {
    const { running, queued, viewers, streams } = state.totals;
    const here = state.here;
    if (!here) return;
    const slots = state.gateways.length === 1 && here.max_concurrent > 0;
    this.#set("running", compact(running), slots ? `of ${compact(here.max_concurrent)} slots` : here.max_concurrent > 0 ? `${compact(here.max_concurrent)} slots` : "no limit");
    this.#set("queued", compact(queued), here.max_queue > 0 ? `room for ${compact(here.max_queue)}` : "", queued > 0 ? "busy" : "");
    this.#set("speed", speed(state.speed), "of all answers");
    this.#set("viewers", compact(viewers), "of all answers");
    this.#set("streams", compact(streams), "connections");
    const store = { none: ["None", "one gateway"], up: ["Up", "shared"], down: ["Down", "serving from memory"] }[here.store];
    this.#set("store", store[0], store[1], here.store === "down" ? "bad" : "");
    this.#showGateways(state.gateways, here, now);
  }

  #showGateways(gateways, here, now) {
    const draining = gateways.filter((gateway) => gateway.draining).length;
    const silent = gateways.filter(({ reached }) => !reached).length;
    const note = `up ${age(now - here.started)} · ${here.version}`;
    if (gateways.length === 1) return this.#set("gateway", draining ? "Draining" : "Serving", note, draining ? "busy" : "good");
    const problems = [silent ? `${silent} silent` : "", draining ? `${draining} draining` : ""].filter(Boolean).join(", ");
    this.#set("gateway", `${gateways.length - silent} of ${gateways.length}`, problems || note, silent ? "bad" : draining ? "busy" : "good");
  }

  #set(name, value, note, tone = "") {
    const shown = this.#values.get(name);
    setText(shown.value, value);
    setText(shown.note, note);
    shown.cell.dataset.tone = tone;
  }
}
