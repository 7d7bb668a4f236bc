/**
 * Whether to try again, and after how long. Pure: chance and time are given.
 */

/**
 * @typedef {object} Retry
 * @property {number} attempts how often in a row to try again before giving up; an event that arrives starts the count anew
 * @property {number} baseMs the longest first wait; it doubles with each attempt
 * @property {number} maxMs no wait of our own choice is longer
 * @property {number} maxRetryAfterMs when the gateway asks for a longer wait than this, give up and say so
 */

/** @type {Readonly<Retry>} */
export const RETRY = Object.freeze({ attempts: 8, baseMs: 500, maxMs: 15_000, maxRetryAfterMs: 60_000 });

/**
 * Decide after a failure: exponential backoff with full jitter, so that a thousand clients that lost the same gateway do
 * not come back at the same moment. A wait that the gateway asked for is kept in full; the jitter comes on top.
 * @param {{retryable: boolean, retryAfterMs: number|null}} error
 * @param {number} attempt 1 for the first try after the failure
 * @param {Retry} retry
 * @param {number} chance from 0 up to but not including 1
 * @returns {number|null} milliseconds to wait; null: give up
 */
export function waitBefore(error, attempt, retry, chance) {
  if (!error.retryable || attempt > retry.attempts) return null;
  if (error.retryAfterMs === null) return chance * Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1));
  return error.retryAfterMs > retry.maxRetryAfterMs ? null : error.retryAfterMs + chance * retry.baseMs;
}
