/**
 * A chart of single values: each run is a dot, and the median a line. Pure.
 */

import { counted } from "../../../common/units.js";
import { axis, heightOf, middleOf, rowTexts } from "./parts.js";
import { columns } from "../../../common/charts/scale.js";

/**
 * Return the chart's shapes.
 * @param {{transport: string, values: number[], median: number|null}[]} rows
 * @param {{width: number, format: (value: number|null) => string, missing: string}} options
 * @returns {{height: number, shapes: import("./parts.js").Shape[]}}
 */
export function strips(rows, { width, format, missing }) {
  const plot = columns(width, Math.max(0, ...rows.flatMap(({ values }) => values)));
  const shapes = [...axis(plot, rows.length, format), ...rows.flatMap(({ transport, values, median }, index) => {
    const y = middleOf(index);
    const note = values.length === 0 ? missing : values.length === 1 ? "1 run" : `${counted(values.length, "run")}, ${format(Math.min(...values))} to ${format(Math.max(...values))}`;
    const dots = values.map((value) => ({ tag: "circle", transport, attributes: { cx: plot.x(value), cy: y, r: 4.5, class: "c-dot" } }));
    const line = median === null ? [] : [{ tag: "path", transport, attributes: { d: `M${plot.x(median)} ${y - 9}V${y + 9}`, class: "c-median" } }];
    return [...dots, ...line, ...rowTexts({ transport, index, value: format(median), note, width })];
  })];
  return { height: heightOf(rows.length), shapes };
}
