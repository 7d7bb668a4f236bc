/**
 * The button that measures several runs over each transport, one after the other, so that they do not disturb each other.
 */

import { element, setText } from "../../common/dom.js";
import { failureMessage } from "../messages.js";
import { isSimulator } from "./settings.js";
import { NAMES } from "./names.js";
import { probe } from "./probe-run.js";

const RUNS = 5;
const TRANSPORTS = ["sse", "websocket"];
const PROMPT = "Write about three hundred words on why rivers bend.";
const SETTINGS = "ttft=120&speed=400&length=4000"; // of a simulated model

export class ProbeButton {
  #button = element("button", { type: "button", className: "primary", id: "measure", textContent: `Measure ${RUNS} runs each` });
  #status = element("p", { className: "caption", id: "measure-status" });
  #options;
  #controller = /** @type {AbortController|null} */ (null);

  /**
   * @param {object} options
   * @param {() => string} options.model the chosen model, "" for the default
   * @param {(options: object) => import("../../dualstream.js").Dualstream} options.createClient
   * @param {(figures: import("./measurement.js").Figures) => void} options.onFigures
   */
  constructor(options) {
    this.#options = options;
    this.#status.setAttribute("role", "status");
    this.showModel();
    this.#button.addEventListener("click", () => (this.#controller ? this.#controller.abort() : this.#measure()));
  }

  get elements() {
    return [this.#button, this.#status];
  }

  /** Say what a measurement does, and what it costs with a real model. */
  showModel() {
    if (this.#controller) return;
    const model = this.#options.model() || "sim";
    const cost = isSimulator(model) ? "" : ` That is ${4 * RUNS} calls to ${model}, each stopped early.`;
    setText(this.#status, `Each run starts, loses its connection, resumes and stops.${cost}`);
  }

  async #measure() {
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    this.#button.textContent = "Stop measuring";
    try {
      await this.#runAll(signal);
      setText(this.#status, `Done: ${RUNS} runs over each transport.`);
    } catch (error) {
      setText(this.#status, signal.aborted ? "Stopped." : `${failureMessage(error.code)} ${error.message}`);
    } finally {
      this.#controller = null;
      this.#button.textContent = `Measure ${RUNS} runs each`;
    }
  }

  async #runAll(signal) {
    const { createClient, onFigures } = this.#options;
    const request = this.#request;
    for (let run = 1; run <= RUNS; run += 1) {
      for (const transport of TRANSPORTS) {
        setText(this.#status, `Run ${run} of ${RUNS}, ${NAMES[transport]}…`);
        onFigures(await probe({ transport, request, createClient, signal }));
        signal.throwIfAborted();
      }
    }
  }

  get #request() {
    const name = this.#options.model();
    const model = isSimulator(name || "sim") ? `${name || "sim"}?${SETTINGS}` : name;
    return { prompt: PROMPT, model };
  }
}
