/**
 * What the page measures of its panes, and where it shows it.
 */

import { Comparison } from "./instruments/comparison.js";
import { keep, keptHistory } from "./instruments/kept-history.js";
import { meteredEnvironment } from "./instruments/metered-environment.js";
import { attachChart, attachFigures } from "./instruments/pane-figures.js";
import { PaneInstruments } from "./instruments/pane-instruments.js";
import { ProbeButton } from "./instruments/probe.js";
import { WireLog } from "./instruments/wire-log.js";

const now = () => performance.now();
// The browser keeps 250 timings and then no more. Only the newest are of use here.
performance.addEventListener("resourcetimingbufferfull", () => performance.clearResourceTimings());
const logs = { left: new WireLog(now), right: new WireLog(now) };

/**
 * Return the replacements for fetch, EventSource and WebSocket with which a pane's client measures the wire.
 * @param {"left"|"right"} name
 * @returns {object} an `environment` of `ClientOptions`
 */
export function createEnvironment(name) {
  return meteredEnvironment(logs[name]);
}

/**
 * Attach everything that measures.
 * @param {Record<"left"|"right", import("./pane.js").Pane>} panes
 * @param {{model: () => string}} composer `model`: the chosen model
 * @returns {import("./instruments/history.js").History} all measured runs
 */
export function attachInstruments(panes, { model }) {
  const history = keptHistory();
  const add = (figures) => {
    history.add(figures);
    keep(history);
    comparison.show(history);
  };
  const probe = new ProbeButton({ model, createClient: (options) => panes.left.createClient(options), onFigures: add });
  const comparison = new Comparison(document.querySelector("#differences"), ...probe.elements);
  for (const [name, pane] of Object.entries(panes)) {
    attachFigures(pane);
    attachChart(pane);
    new PaneInstruments(pane, logs[name], add);
  }
  document.querySelector("#open-differences").addEventListener("click", () => comparison.reveal());
  document.addEventListener("model-change", () => probe.showModel());
  comparison.show(history);
  return history;
}
