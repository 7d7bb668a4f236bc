/**
 * Scales of the charts. Pure.
 */

/**
 * Return the next round number that is not less than a value: 1, 2, 4, 5, 8 or 10 times a power of ten.
 * @param {number} value
 * @returns {number}
 */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= value - power * 1e-9);
}

/** Widths of the columns beside a chart's plot, in pixels. */
const LABEL = 86;
const VALUE = 68;

/**
 * Return the columns of a chart: where its plot begins and ends, and the functions that place a value in it.
 * @param {number} width pixels
 * @param {number} max greatest value
 * @returns {{left: number, right: number, end: number, max: number, x: (value: number) => number}} `end`: the value at `right`
 */
export function columns(width, max) {
  const [left, right] = [LABEL, Math.max(LABEL + 40, width - VALUE)];
  const end = ceiling(max);
  return { left, right, end, max, x: (value) => round(left + (Math.min(value, end) / end) * (right - left)) };
}

/** Round to a tenth of a pixel. */
export const round = (value) => Math.round(value * 10) / 10;
