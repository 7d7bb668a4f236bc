/**
 * The big figure beside the stop button: how long a stop took, or the return after a broken connection. A screen reader gets
 * the same from the pane's own output and notices.
 */

import { element } from "../dom.js";
import { milliseconds } from "./units.js";

export class BigFigure {
  #value = element("strong", {});
  #note = element("span", {});
  /** @type {HTMLElement} */
  element = element("p", { className: "big-figure", hidden: true, ariaHidden: "true" }, this.#value, this.#note);

  /** Show nothing, until something is measured. */
  clear() {
    this.#reveal(false);
  }

  /** @param {{clickMs: number, cancelMs: number|null}} stop */
  showStop({ clickMs, cancelMs }) {
    this.#show(clickMs, `from your click to the last event; the model’s connection closed in ${milliseconds(cancelMs)}`);
  }

  /** @param {number} ms from the new connection to the next event @param {string} [compared] what the comparison of the texts found */
  showReconnect(ms, compared = "") {
    this.#show(ms, `from the new connection to the next event. ${compared}`);
  }

  #show(ms, note) {
    this.#value.textContent = milliseconds(ms);
    this.#note.textContent = note;
    this.#reveal(true);
  }

  /** Marked at the foot: a selector with `:has` would be evaluated again with each token. */
  #reveal(shown) {
    this.element.hidden = !shown;
    this.element.closest(".pane-foot")?.toggleAttribute("data-figure", shown);
  }
}
