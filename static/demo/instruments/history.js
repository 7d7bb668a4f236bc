/**
 * Figures of several runs, and their medians. Pure.
 */

import { Measurement } from "./measurement.js";
import { median } from "./quantiles.js";

const ORDER = ["sse", "websocket", "poll"];
const FIGURES = Object.keys(new Measurement({ transport: "", model: "", startedAt: 0 }).figures);
const MAX_RUNS = 60; // for each transport and set of settings

/** @typedef {import("./measurement.js").Figures} Figures */

/** Keeps runs apart that can't be compared: by transport, and by model with its settings. */
export class History {
  #runs = /** @type {Figures[]} */ ([]);

  /** Add the figures of a run that has ended. @param {Figures} figures */
  add(figures) {
    this.#runs.push(figures);
    const same = this.#runs.filter((run) => comparable(run, figures) && run.transport === figures.transport);
    if (same.length > MAX_RUNS) this.#runs.splice(this.#runs.indexOf(same[0]), 1);
  }

  /** @returns {Figures[]} all runs, to keep them over a reload */
  toJSON() {
    return this.#runs;
  }

  /** Add runs that were kept. Those of an older page, with other figures, are left out. @param {unknown} runs */
  restore(runs) {
    if (!Array.isArray(runs)) return;
    for (const run of runs) if (FIGURES.every((name) => name in Object(run))) this.add(run);
  }

  /** @returns {string|null} the model of the newest run, whose runs are compared */
  get model() {
    return this.#runs.at(-1)?.model ?? null;
  }

  /** @returns {string[]} the transports of the runs that are compared, in the page's order */
  get transports() {
    return ORDER.filter((transport) => this.runs(transport).length > 0);
  }

  /**
   * Return the runs of a transport that can be compared with the newest run, the oldest first.
   * @param {string} transport
   * @returns {Figures[]}
   */
  runs(transport) {
    const newest = this.#runs.at(-1);
    return this.#runs.filter((run) => run.transport === transport && comparable(run, newest));
  }

  /**
   * Return all known values of a measure, the oldest first.
   * @param {string} transport
   * @param {(figures: Figures) => number|null} read
   * @returns {number[]}
   */
  values(transport, read) {
    return this.runs(transport).map(read).filter((value) => value !== null && value !== undefined);
  }

  /** Return the median of a measure, null if it is not known. */
  median(transport, read) {
    return median(this.values(transport, read));
  }
}

const comparable = (left, right) => modelKey(left.model) === modelKey(right.model);

/**
 * Return what makes runs comparable: the model with its settings, except the seed, which changes only the text, and the run’s name.
 * @param {string} model
 * @returns {string}
 */
export function modelKey(model) {
  const [name, query = ""] = model.split("?", 2);
  const settings = new URLSearchParams(query);
  for (const name of ["seed", "run"]) settings.delete(name);
  settings.sort();
  const sorted = settings.toString();
  return sorted === "" ? name : `${name}?${sorted}`;
}
