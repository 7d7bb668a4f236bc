/**
 * The bearer token: a text, or a function that returns one. What a function returned is used until the gateway refuses it.
 */

import { DualstreamError } from "./errors.js";
import { isToken } from "./options.js";

/** @typedef {string | (() => string | Promise<string>) | null} TokenSource */

export class Tokens {
  #source;
  #current = /** @type {string|null} */ (null);
  #renewal = /** @type {Promise<string>|null} */ (null);

  /** @param {TokenSource} source */
  constructor(source) {
    this.#source = source;
  }

  /** True if requests carry a token. */
  get isSet() {
    return this.#source !== null;
  }

  /** True if a refused token can be replaced. */
  get canRenew() {
    return typeof this.#source === "function";
  }

  /** @returns {Promise<string|null>} the token to send; null: none; rejects with a DualstreamError */
  async current() {
    return this.canRenew ? this.#current ?? this.renew(null) : this.#source;
  }

  /**
   * Return a newer token. Requests that were refused together share one call of the function.
   * @param {string|null} refused the token that the gateway has refused
   * @returns {Promise<string>} rejects with a DualstreamError
   */
  async renew(refused) {
    if (this.#current !== null && this.#current !== refused) return this.#current;
    this.#renewal ??= this.#request().finally(() => { this.#renewal = null; });
    this.#current = await this.#renewal;
    return this.#current;
  }

  async #request() {
    const token = await Promise.resolve().then(this.#source).catch((error) => {
      if (error instanceof DualstreamError) throw error;
      throw new DualstreamError("auth_error", `The function of the option token failed: ${error}`, { cause: error });
    });
    if (isToken(token) && token !== "") return token;
    const what = typeof token === "string" && token !== "" ? "a token with characters that can't be sent: check for a line break" : "no token";
    throw new DualstreamError("auth_error", `The function of the option token returned ${what}.`, { param: "token" });
  }
}
