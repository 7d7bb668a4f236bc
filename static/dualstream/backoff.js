/**
 * Whether to retry, and after how long. Pure: randomness is passed in.
 */

/**
 * @typedef {object} Retry
 * @property {number} attempts maximum number of retries in a row; each event that arrives resets the count
 * @property {number} baseMs maximum of the first wait; it doubles with each attempt
 * @property {number} maxMs maximum wait, unless the gateway asks for a longer one
 * @property {number} maxRetryAfterMs maximum wait that the gateway may ask for; a longer one ends the retries
 */

/** @type {Readonly<Retry>} */
export const RETRY = Object.freeze({ attempts: 8, baseMs: 500, maxMs: 15_000, maxRetryAfterMs: 60_000 });

/**
 * Return the wait after a failure: exponential backoff with full jitter, so that a thousand clients that lost the same
 * gateway do not return at the same moment. A wait that the gateway asks for is kept in full, and the jitter is added.
 * @param {{retryable: boolean, retryAfterMs: number|null}} error
 * @param {number} attempt 1 for the first retry
 * @param {Retry} retry
 * @param {number} chance uniform in [0, 1)
 * @returns {number|null} milliseconds to wait; null: give up
 */
export function waitBefore(error, attempt, retry, chance) {
  if (!error.retryable || attempt > retry.attempts) return null;
  if (error.retryAfterMs === null) return chance * Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1));
  return error.retryAfterMs > retry.maxRetryAfterMs ? null : error.retryAfterMs + chance * retry.baseMs;
}
