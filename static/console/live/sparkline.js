/**
 * The speed of one answer in the last half minute, as a small line.
 */

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, SAMPLES] = [72, 18, 30];

/** Create a sparkline; `show` draws it. */
export function createSparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-hidden", "true");
  const [area, line] = [document.createElementNS(SVG, "path"), document.createElementNS(SVG, "path")];
  area.setAttribute("class", "spark-area");
  line.setAttribute("class", "spark-line");
  svg.append(area, line);
  const show = (samples) => {
    const path = sparkPath(samples);
    line.setAttribute("d", path);
    area.setAttribute("d", path && `${path}V${HEIGHT}H${startOf(samples)}Z`);
  };
  return { svg, show };
}

const startOf = (samples) => ((SAMPLES - samples.length) / (SAMPLES - 1)) * WIDTH;

/** Return the path of a line whose newest sample is at the right edge; "" without two samples. Pure. @param {number[]} samples */
export function sparkPath(samples) {
  if (samples.length < 2) return "";
  const most = Math.max(...samples, 1);
  const points = samples.map((value, index) => {
    const x = ((SAMPLES - samples.length + index) / (SAMPLES - 1)) * WIDTH;
    return `${x.toFixed(1)} ${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}
