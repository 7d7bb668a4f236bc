/**
 * Quantiles of measured values. Pure.
 */

/**
 * Return a quantile by the nearest rank: the smallest measured value that the share of the values does not exceed.
 * @param {readonly number[]} values
 * @param {number} share from 0 to 1
 * @returns {number|null} null without values
 */
export function quantile(values, share) {
  if (values.length === 0) return null;
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/**
 * Return the median: the middle value, or the mean of the two in the middle.
 * @param {readonly number[]} values
 * @returns {number|null} null without values
 */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = values.slice().sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
