/**
 * A chart of distributions: the height says how many values are near, with lines at p50 and p95. Pure.
 */

import { quantile } from "../quantiles.js";
import { counted } from "../../../common/units.js";
import { axis, heightOf, middleOf, rowTexts } from "./parts.js";
import { columns, round } from "../../../common/charts/scale.js";

const BINS = 48;
const HEIGHT = 26;
const BASE = 10; // from a row's middle down to the hill's foot
const SHOWN = 0.98; // share of the values within the axis, so that one long pause does not flatten the rest

/**
 * Return the chart's shapes.
 * @param {{transport: string, values: number[], p95: number|null}[]} rows `p95`: the median of the runs
 * @param {{width: number, format: (value: number|null) => string, missing: string}} options
 * @returns {{height: number, shapes: import("./parts.js").Shape[]}}
 */
export function hills(rows, { width, format, missing }) {
  const plot = columns(width, Math.max(0, ...rows.map(({ values }) => (quantile(values, SHOWN) ?? 0) * 1.15)));
  const shapes = [...axis(plot, rows.length, format), ...rows.flatMap(({ transport, values, p95 }, index) => {
    const foot = middleOf(index) + BASE;
    const p50 = quantile(values, 0.5);
    const note = values.length === 0 ? missing : `p50 ${format(p50)} of ${counted(values.length, "gap")}`;
    return [...hill(values, plot, foot, transport), ...lines([p50, p95], plot, foot, transport), ...rowTexts({ transport, index, value: format(p95), note, width })];
  })];
  return { height: heightOf(rows.length), shapes };
}

function hill(values, plot, foot, transport) {
  if (values.length < 3) return [];
  const counts = smooth(histogram(values, plot.end));
  const most = Math.max(...counts);
  const points = counts.map((count, bin) => `${plot.x(((bin + 0.5) / BINS) * plot.end)} ${round(foot - (count / most) * HEIGHT)}`);
  return [{ tag: "path", transport, attributes: { d: `M${plot.left} ${foot}L${points.join("L")}L${plot.right} ${foot}Z`, class: "c-hill" } }];
}

/** Count the values in each bin; those beyond the end are left out. */
export function histogram(values, end) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) if (value <= end) counts[Math.min(BINS - 1, Math.floor((value / end) * BINS))] += 1;
  return counts;
}

/** Average each bin with its neighbours (1, 2, 1). */
function smooth(counts) {
  return counts.map((count, bin) => ((counts[bin - 1] ?? 0) + 2 * count + (counts[bin + 1] ?? 0)) / 4);
}

function lines(values, plot, foot, transport) {
  return values.filter((value) => value !== null).map((value, index) => (
    { tag: "path", transport, attributes: { d: `M${plot.x(value)} ${foot}V${foot - HEIGHT}`, class: index === 0 ? "c-median" : "c-tail" } }));
}
