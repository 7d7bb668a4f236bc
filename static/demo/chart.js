/**
 * A small chart of arrivals: a line for the number of characters, a tick for each chunk below it, and shading while the
 * connection was lost. It is drawn at most once per frame, and only after a change.
 */

const TICKS = 12; // height of the ticks, in CSS pixels
const AXIS = 15; // height reserved for the axis
const SCALE = 16; // height reserved for the scale, so that the line does not cross it

export class ArrivalsChart {
  #canvas;
  #scheduled = false;
  #startedAt = null;
  #endedAt = null;
  #arrivals = /** @type {{at: number, chars: number}[]} */ ([]);
  #absences = /** @type {{from: number, to: number|null}[]} */ ([]);
  #marks = /** @type {number[]} */ ([]);

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    canvas.setAttribute("aria-label", "Arrivals over time: nothing yet");
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  /** Start a new chart. @param {number} now milliseconds on the clock of `performance.now()`, as for all times here */
  begin(now) {
    this.#canvas.setAttribute("aria-label", "Arrivals over time: nothing yet");
    this.#startedAt = now;
    this.#endedAt = null;
    this.#arrivals = [];
    this.#absences = [];
    this.#marks = [];
    this.draw();
  }

  /** Add a chunk; `chars` is the number of characters after it. */
  arrived(now, chars) {
    this.#arrivals.push({ at: now - this.#startedAt, chars });
    this.draw();
  }

  /** Start the text of a new revision. */
  restarted(now) {
    this.#arrivals.push({ at: now - this.#startedAt, chars: 0 });
    this.mark(now);
  }

  /** Mark an event with a vertical line: a change of transport, a new revision, a stop. */
  mark(now) {
    this.#marks.push(now - this.#startedAt);
    this.draw();
  }

  /** Start the shading of an absence. */
  offline(now) {
    this.#absences.push({ from: now - this.#startedAt, to: null });
    this.draw();
  }

  /** End the shading of an absence. */
  online(now) {
    const last = this.#absences.at(-1);
    if (last && last.to === null) last.to = now - this.#startedAt;
    this.draw();
  }

  /** Stop the time axis. */
  end(now) {
    this.online(now);
    this.#endedAt = now - this.#startedAt;
    this.#canvas.setAttribute("aria-label", this.#description());
    this.draw();
  }

  /** Draw in the next frame; while an answer runs, in every frame. */
  draw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#paint();
      if (this.#startedAt !== null && this.#endedAt === null) this.draw();
    });
  }

  /** @returns {string} the chart's accessible name */
  #description() {
    const chars = this.#arrivals.at(-1)?.chars ?? 0;
    const chunks = this.#arrivals.filter((arrival) => arrival.chars > 0).length;
    const absences = this.#absences.length ? `, offline ${this.#absences.length} times` : "";
    return `Arrivals over time: ${chunks} chunks and ${chars} characters in ${(this.#endedAt / 1000).toFixed(1)} s${absences}`;
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== w || this.#canvas.height !== h) Object.assign(this.#canvas, { width: w, height: h });
    const style = getComputedStyle(this.#canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    const pen = this.#canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const now = this.#startedAt === null ? 0 : this.#endedAt ?? performance.now() - this.#startedAt;
    const span = roundUp(Math.max(now, 2000));
    const top = roundUp(Math.max(this.#arrivals.reduce((max, { chars }) => Math.max(max, chars), 0), 100));
    const base = height - AXIS - TICKS;
    const x = (at) => (at / span) * width;
    const y = (chars) => base - (chars / top) * (base - SCALE);

    pen.fillStyle = color("--line");
    for (const { from, to } of this.#absences) {
      pen.globalAlpha = 0.55;
      pen.fillRect(x(from), 0, Math.max(1, x(to ?? now) - x(from)), height - AXIS);
    }
    pen.globalAlpha = 1;
    pen.fillRect(0, height - AXIS, width, 1);
    pen.fillRect(0, base, width, 1);

    pen.fillStyle = color("--soft");
    for (const at of this.#marks) pen.fillRect(x(at), 0, 1, height - AXIS);
    pen.font = `${0.6875 * parseFloat(getComputedStyle(document.documentElement).fontSize)}px ${color("--sans")}`;
    this.#paintLabels(pen, span, top, width, height);

    const accent = color("--accent");
    this.#paintLine(pen, x, y, now, accent, base);
    pen.fillStyle = accent;
    pen.globalAlpha = 0.7;
    for (const { at, chars } of this.#arrivals) if (chars > 0) pen.fillRect(x(at), base + 2, 1, TICKS - 3);
    pen.globalAlpha = 1;
  }

  #paintLabels(pen, span, top, width, height) {
    pen.textBaseline = "bottom";
    pen.fillText("0", 0, height);
    pen.textAlign = "end";
    pen.fillText(`${span / 1000} s`, width, height);
    pen.textAlign = "start";
    pen.textBaseline = "top";
    pen.fillText(`${top.toLocaleString("en")} chars`, 0, 0);
  }

  #paintLine(pen, x, y, now, accent, base) {
    if (this.#arrivals.length === 0) return;
    pen.beginPath();
    pen.moveTo(x(this.#arrivals[0].at), y(0));
    let level = 0;
    for (const { at, chars } of this.#arrivals) {
      pen.lineTo(x(at), y(level));
      pen.lineTo(x(at), y(chars));
      level = chars;
    }
    pen.lineTo(x(now), y(level));
    pen.strokeStyle = accent;
    pen.lineWidth = 1.75;
    pen.lineJoin = "round";
    pen.stroke();
    pen.lineTo(x(now), base);
    pen.lineTo(x(this.#arrivals[0].at), base);
    pen.fillStyle = accent;
    pen.globalAlpha = 0.1;
    pen.fill();
    pen.globalAlpha = 1;
  }
}

/** Return the next round number: 1, 2, 3, 5, 8 or 10 times a power of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 8, 10].map((step) => step * power).find((step) => step >= value);
}
