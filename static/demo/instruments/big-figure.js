/**
 * The big figure beside the stop button: how long a stop took, or the return after a broken connection. A screen reader gets
 * the same from the pane's own output and notices.
 */

import { element } from "../../common/dom.js";
import { milliseconds } from "../../common/units.js";

export class BigFigure {
  /** @type {HTMLElement} */
  element = element("p", { className: "big-figure", hidden: true, ariaHidden: "true" });

  /** Show nothing, until something is measured. */
  clear() {
    this.#reveal(false);
  }

  /** @param {{clickMs: number, cancelMs: number|null}} stop */
  showStop({ clickMs, cancelMs }) {
    this.#show([clickMs, "from your click to the last event"], [cancelMs, "of it to close the model’s connection"]);
  }

  /** @param {number} ms from the new connection to the next event @param {string} [compared] what the comparison of the texts found */
  showReconnect(ms, compared = "") {
    this.#show([ms, `from the new connection to the next event. ${compared}`]);
  }

  #show(...figures) {
    this.element.replaceChildren(...figures.map(([ms, note]) => element("span", {}, element("strong", { textContent: milliseconds(ms) }), ` ${note}`)));
    this.#reveal(true);
  }

  /** Marked at the pane: a selector with `:has` would be evaluated again with each token. */
  #reveal(shown) {
    this.element.hidden = !shown;
    this.element.closest(".pane")?.toggleAttribute("data-figure", shown);
  }
}
