/**
 * A chart of sums: each row is a bar of parts, named below it. Pure.
 */

import { axis, heightOf, middleOf, rowTexts } from "./parts.js";
import { columns, round } from "../../../common/charts/scale.js";

const BAR = 16;
const CHARACTER = 6.3; // mean width in a note

/**
 * Return the chart's shapes.
 * @param {{transport: string, parts: {label: string, value: number}[]}[]} rows
 * @param {{width: number, format: (value: number|null) => string, missing: string}} options
 * @returns {{height: number, shapes: import("./parts.js").Shape[]}}
 */
export function stacks(rows, { width, format, missing }) {
  const totals = rows.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const plot = columns(width, Math.max(0, ...totals));
  const shapes = [...axis(plot, rows.length, format), ...rows.flatMap(({ transport, parts }, index) => {
    const note = parts.length === 0 ? missing : shorten(noteOf(parts, format), width);
    const value = parts.length === 0 ? format(null) : format(totals[index]);
    return [...bars(parts, plot, middleOf(index), transport), ...rowTexts({ transport, index, value, note, width })];
  })];
  return { height: heightOf(rows.length), shapes };
}

/** Name the parts. A unit that all of them have stands once, at the end. */
function noteOf(parts, format) {
  const texts = parts.map(({ value }) => format(value).split(" "));
  const sameUnit = new Set(texts.map(([, unit]) => unit)).size === 1;
  return parts.map(({ label }, index) => {
    const [amount, unit] = texts[index];
    return `${label} ${amount}${sameUnit && index < parts.length - 1 ? "" : ` ${unit}`}`;
  }).join(" · ");
}

/** Leave out the last parts of a note that is too long for its line: the table of values has them. */
function shorten(note, width) {
  const parts = note.split(" · ");
  while (parts.length > 1 && parts.join(" · ").length * CHARACTER > width) parts.pop();
  const kept = parts.join(" · ");
  return kept === note ? note : `${kept} …`;
}

/** Return the parts of a bar, each paler than the one before it. */
function bars(parts, plot, middle, transport) {
  let from = 0;
  return parts.map(({ value }, index) => {
    const [left, right] = [plot.x(from), plot.x(from + value)];
    from += value;
    return { tag: "rect", transport, attributes: { x: left, y: middle - BAR / 2, width: Math.max(1, round(right - left - 1)), height: BAR, rx: 2, class: `c-bar c-part-${Math.min(index, 3)}` } };
  });
}
