/**
 * A chart of one hour: lines with gaps, an area, or stacked columns. Pure: it returns shapes, which `drawing.js` draws.
 */

import { ceiling, round } from "../../common/charts/scale.js";

export const HEIGHT = 148;
const LEFT = 50;
const RIGHT = 6;
const TOP = 8;
const FOOT = 20;
const MIN_LABELS_WIDTH = 300; // below it, every second time is left out

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {string} colour one of the classes in charts.css
 * @property {(number|null)[]} values one for each step
 */

/** @typedef {{kind: "lines"|"area"|"columns", series: Series[], times: number[], format: (value: number) => string, clock: (unix: number) => string}} Chart */

/** Return the columns of a plot. @param {number} width @param {number} steps */
export function plotOf(width, steps) {
  const [left, right] = [LEFT, Math.max(LEFT + 40, width - RIGHT)];
  const step = (right - left) / steps;
  return { left, right, top: TOP, bottom: HEIGHT - FOOT, step, x: (index) => round(left + (index + 0.5) * step), index: (x) => Math.min(steps - 1, Math.max(0, Math.floor((x - left) / step))) };
}

/**
 * Return the shapes of a chart.
 * @param {Chart} chart
 * @param {number} width
 * @param {number|null} marked index of the step that is pointed at
 * @returns {{height: number, shapes: import("../../demo/instruments/charts/parts.js").Shape[]}}
 */
export function draw({ kind, series, times, format, clock }, width, marked = null) {
  const plot = plotOf(width, times.length);
  const end = ceiling(greatest(kind, series));
  const y = (value) => round(plot.bottom - (Math.min(value, end) / end) * (plot.bottom - plot.top));
  const marks = kind === "columns" ? columns(series, plot, y) : lines(kind, series, plot, y);
  const mark = marked === null ? [] : [{ tag: "path", attributes: { d: `M${plot.x(marked)} ${plot.top}V${plot.bottom}`, class: "t-mark" } }];
  return { height: HEIGHT, shapes: [...grid(plot, end, y, format), ...timeTicks(times, plot, clock, width), ...mark, ...marks] };
}

/** Return the greatest value that the axis must hold. */
export function greatest(kind, series) {
  if (kind !== "columns") return Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const sums = (series[0]?.values ?? []).map((_, index) => series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
  return Math.max(0, ...sums);
}

function grid(plot, end, y, format) {
  return [0, end / 2, end].flatMap((value) => [
    { tag: "path", attributes: { d: `M${plot.left} ${y(value)}H${plot.right}`, class: value === 0 ? "t-base" : "t-grid" } },
    { tag: "text", text: value === 0 ? "0" : format(value), attributes: { x: plot.left - 6, y: y(value), class: "t-value" } },
  ]);
}

/** Name each quarter of an hour, as a clock shows it. */
function timeTicks(times, plot, clock, width) {
  const every = width < MIN_LABELS_WIDTH ? 1800 : 900;
  return times.flatMap((at, index) => (at % every === 0 && index > 1 && index < times.length - 2
    ? [{ tag: "text", text: clock(at), attributes: { x: plot.x(index), y: HEIGHT - FOOT / 2 + 2, class: "t-time" } }] : []));
}

function lines(kind, series, plot, y) {
  return series.flatMap(({ values, colour }) => runsOf(values).flatMap((run) => {
    const points = run.map(([index, value]) => `${plot.x(index)} ${y(value)}`);
    if (run.length === 1) return [{ tag: "circle", attributes: { cx: plot.x(run[0][0]), cy: y(run[0][1]), r: 2.5, class: `t-dot ${colour}` } }];
    const line = { tag: "path", attributes: { d: `M${points.join("L")}`, class: `t-line ${colour}` } };
    if (kind !== "area") return [line];
    const [first, last] = [run[0][0], run[run.length - 1][0]];
    return [{ tag: "path", attributes: { d: `M${plot.x(first)} ${plot.bottom}L${points.join("L")}L${plot.x(last)} ${plot.bottom}Z`, class: `t-area ${colour}` } }, line];
  }));
}

/** Return the stretches without a missing value, as pairs of index and value. */
export function runsOf(values) {
  const runs = /** @type {[number, number][][]} */ ([]);
  let run = /** @type {[number, number][]} */ ([]);
  for (const [index, value] of values.entries()) {
    if (value !== null) run.push([index, value]);
    if ((value === null || index === values.length - 1) && run.length > 0) {
      runs.push(run);
      run = [];
    }
  }
  return runs;
}

function columns(series, plot, y) {
  const width = Math.max(1, round(plot.step * 0.72));
  const feet = (series[0]?.values ?? []).map(() => 0);
  return series.flatMap(({ values, colour }) => values.flatMap((value, index) => {
    if (!value) return [];
    const [foot, head] = [y(feet[index]), y(feet[index] + value)];
    feet[index] += value;
    return [{ tag: "rect", attributes: { x: round(plot.x(index) - width / 2), y: head, width, height: Math.max(0.5, round(foot - head)), class: `t-column ${colour}` } }];
  }));
}
