/**
 * The time that a pane is without its connection, and the text that was waiting in the gateway meanwhile.
 */

import { backMessage } from "../messages.js";

const CATCH_UP_MS = 150; // text that arrives this soon after a resume was waiting in the gateway

/** Absences of one answer. Times are in milliseconds on the clock of `performance.now()`. */
export class Absence {
  #turn;
  #state;
  #onBack;
  #onCaughtUp;
  #since = /** @type {number|null} */ (null);
  #ms = 0;
  #backAt = /** @type {number|null} */ (null);
  #characters = 0;
  #afterRefresh = false;

  /**
   * @param {import("../turn.js").Turn} turn
   * @param {object} options
   * @param {() => string} options.state of the answer
   * @param {(back: {at: number, ms: number}) => void} options.onBack called with the first event afterwards
   * @param {() => void} options.onCaughtUp called when all that was waiting is shown
   */
  constructor(turn, { state, onBack, onCaughtUp }) {
    this.#turn = turn;
    this.#state = state;
    this.#onBack = onBack;
    this.#onCaughtUp = onCaughtUp;
  }

  /** @returns {boolean} true while the pane is without its connection */
  get isAway() {
    return this.#since !== null;
  }

  /** @returns {boolean} true while text arrives that was waiting, so that its time says nothing about the speed */
  get isCatchingUp() {
    return this.#backAt !== null;
  }

  /** Begin an absence. @param {number} at @param {{afterRefresh?: boolean}} [options] */
  begin(at, { afterRefresh = false } = {}) {
    this.#since = at;
    this.#afterRefresh = afterRefresh;
  }

  /** Count text that has arrived. @param {string} content */
  receive(content) {
    if (this.isCatchingUp) this.#characters += content.length;
  }

  /** End the absence, if there is one, with the first event after it. @param {number} at */
  end(at) {
    if (this.#since === null) return;
    this.#backAt = at;
    this.#characters = 0;
    this.#ms = at - this.#since;
    this.#since = null;
    this.#turn.render();
    this.#turn.recovered.begin();
    this.#onBack({ at, ms: this.#ms });
    setTimeout(() => this.finish(), CATCH_UP_MS);
  }

  /** Show what was waiting, as far as it has come. */
  finish() {
    if (this.#backAt === null) return;
    this.#backAt = null;
    this.#turn.render();
    this.#turn.recovered.end();
    const message = backMessage(this.#ms, this.#characters, this.#state());
    this.#turn.addNotice(this.#afterRefresh ? message.replace(/^Back after [^:]+/, "Resumed after the refresh") : message, performance.now());
    this.#afterRefresh = false;
    this.#onCaughtUp();
  }

  /** Forget it: another answer has begun. */
  cancel() {
    this.#since = this.#backAt = null;
  }
}
