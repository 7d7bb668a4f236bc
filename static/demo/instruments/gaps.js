/**
 * Times between tokens. Pure: times are passed in.
 */

const CATCH_UP_MS = 150; // what arrives this soon after a resume was waiting in the gateway, and says nothing about the pace

/** Collects the gaps of one answer; gaps across an absence or a new revision are none. */
export class Gaps {
  /** @type {number[]} milliseconds */
  values = [];
  #lastAt = /** @type {number|null} */ (null);
  #resumedAt = /** @type {number|null} */ (null);

  /** Record a token. @param {number} now */
  add(now) {
    const isCatchingUp = this.#resumedAt !== null && now - this.#resumedAt < CATCH_UP_MS;
    if (this.#lastAt !== null && !isCatchingUp) this.values.push(now - this.#lastAt);
    this.#lastAt = isCatchingUp ? null : now;
  }

  /** Do not measure the gap to the next token. */
  skip() {
    this.#lastAt = null;
  }

  /** Record the first event after an absence. @param {number} now */
  resume(now) {
    this.#lastAt = null;
    this.#resumedAt = now;
  }
}
