/**
 * What several charts draw: rows with their labels and values, and an axis. Pure: each function returns shapes, which
 * `drawing.js` turns into SVG.
 */

import { NAMES } from "../names.js";

/**
 * @typedef {object} Shape
 * @property {string} tag an SVG element
 * @property {string} [transport] whose colour it has
 * @property {string} [text]
 * @property {Record<string, string|number>} attributes
 */

export const ROW = 48;
const LINE = 18; // from a row's middle to its second line of text
const AXIS = 16;
const MIN_TICKS_WIDTH = 160; // of a plot with room for a value in the middle

/** Return the middle of a row's graphic. @param {number} index */
export const middleOf = (index) => index * ROW + 15;

/** Return the height of a chart. @param {number} rows @param {boolean} [hasAxis] */
export const heightOf = (rows, hasAxis = true) => rows * ROW + (hasAxis ? AXIS : 0);

/**
 * Return a row's label, its value, and the small line below its graphic.
 * @param {{transport: string, index: number, value: string, note: string, width: number}} row
 * @returns {Shape[]}
 */
export function rowTexts({ transport, index, value, note, width }) {
  const y = middleOf(index);
  return [
    text(NAMES[transport], 0, y, "c-name", transport),
    text(value, width, y, "c-value"),
    ...(note ? [text(note, 0, y + LINE, "c-note")] : []),
  ];
}

/**
 * Return grid lines with their values: behind each row's graphic, but not behind its texts.
 * @param {{left: number, right: number, end: number, max: number, x: (value: number) => number}} columns
 * @param {number} rows
 * @param {(value: number) => string} format
 * @returns {Shape[]}
 */
export function axis({ left, right, end, max, x }, rows, format) {
  if (max === 0) return []; // nothing is drawn yet, so a scale would mean nothing
  const middles = Array.from({ length: rows }, (_, index) => middleOf(index));
  const ticks = [[0, "c-start"], ...(right - left < MIN_TICKS_WIDTH ? [] : [[end / 2, "c-middle"]]), [end, "c-end"]];
  return ticks.flatMap(([value, anchor]) => [
    { tag: "path", attributes: { d: middles.map((y) => `M${x(value)} ${y - 11}V${y + 10}`).join(""), class: "c-grid" } },
    text(value === 0 ? "0" : format(value), x(value), rows * ROW + AXIS / 2 - 4, `c-tick ${anchor}`),
  ]);
}

/** @returns {Shape} */
export function text(content, x, y, className, transport) {
  return { tag: "text", transport, text: content, attributes: { x, y, class: className } };
}
