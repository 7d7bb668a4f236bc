/**
 * The big figure beside the stop button: how long the stop took, and when the gateway had closed the model's connection.
 */

import { element } from "../dom.js";
import { milliseconds } from "./units.js";

export class StopFigure {
  #value = element("strong", {});
  #note = element("span", {});
  /** @type {HTMLElement} */
  element = element("p", { className: "stop-figure", hidden: true, ariaHidden: "true" }, this.#value, this.#note); // the pane says it, too

  /** Show nothing, until an answer is stopped. */
  clear() {
    this.element.hidden = true;
  }

  /** @param {{clickMs: number, cancelMs: number|null}} stop */
  show({ clickMs, cancelMs }) {
    this.#value.textContent = milliseconds(clickMs);
    this.#note.textContent = `from your click to the last event; the model’s connection closed in ${milliseconds(cancelMs)}`;
    this.element.hidden = false;
  }
}
