/**
 * Measured values as texts. Pure.
 */

export const UNKNOWN = "–";

const NUMBERS = new Intl.NumberFormat("en"); // `toLocaleString` makes one at each call, and the timeline counts each token

/**
 * Format milliseconds: "0.8 ms", "312 ms", "1.52 s".
 * @param {number|null|undefined} ms
 * @returns {string}
 */
export function milliseconds(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return UNKNOWN;
  if (Math.abs(ms) < 9.95) return `${ms.toFixed(1)} ms`;
  return Math.abs(ms) < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * Format bytes: "84 B", "3.6 kB".
 * @param {number|null|undefined} count
 * @returns {string}
 */
export function bytes(count) {
  if (count === null || count === undefined) return UNKNOWN;
  if (count < 999.5) return `${Math.round(count)} B`;
  return count < 999_500 ? `${(count / 1000).toFixed(count < 9995 ? 2 : 1)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}

/**
 * Format a count.
 * @param {number|null|undefined} value
 * @returns {string}
 */
export function number(value) {
  return value === null || value === undefined ? UNKNOWN : NUMBERS.format(value);
}

/**
 * Return "1 run", "3 runs".
 * @param {number} count
 * @param {string} noun
 * @returns {string}
 */
export function counted(count, noun) {
  return `${NUMBERS.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}
