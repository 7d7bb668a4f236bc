/**
 * A small chart of arrivals: a line of the characters so far, a tick for each chunk under it, shaded where the connection
 * was away. Draws at most once a frame, and only when something changed.
 */

const RUG = 12; // height of the ticks, in CSS pixels
const FOOT = 15; // room for the axis
const HEAD = 16; // room for the scale, so that the line does not run through it

export class ArrivalsChart {
  #canvas;
  #queued = false;
  #begun = null;
  #ended = null;
  #arrivals = /** @type {{at: number, chars: number}[]} */ ([]);
  #away = /** @type {{from: number, to: number|null}[]} */ ([]);
  #marks = /** @type {number[]} */ ([]);

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  /** @param {number} now milliseconds on the clock of `performance.now()`, as for all times here */
  begin(now) {
    this.#canvas.setAttribute("aria-label", "Arrivals over time: nothing yet");
    this.#begun = now;
    this.#ended = null;
    this.#arrivals = [];
    this.#away = [];
    this.#marks = [];
    this.draw();
  }

  /** A chunk came; `chars` is how much text there is now. */
  arrived(now, chars) {
    this.#arrivals.push({ at: now - this.#begun, chars });
    this.draw();
  }

  /** A new text begins. */
  restarted(now) {
    this.#arrivals.push({ at: now - this.#begun, chars: 0 });
    this.mark(now);
  }

  /** Something happened that the eye should find again: a hand-over, a new revision, a stop. */
  mark(now) {
    this.#marks.push(now - this.#begun);
    this.draw();
  }

  left(now) {
    this.#away.push({ from: now - this.#begun, to: null });
    this.draw();
  }

  cameBack(now) {
    const last = this.#away.at(-1);
    if (last && last.to === null) last.to = now - this.#begun;
    this.draw();
  }

  end(now) {
    this.cameBack(now);
    this.#ended = now - this.#begun;
    this.#canvas.setAttribute("aria-label", this.#inWords());
    this.draw();
  }

  draw() {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#paint();
      if (this.#begun !== null && this.#ended === null) this.draw();
    });
  }

  #inWords() {
    const chars = this.#arrivals.at(-1)?.chars ?? 0;
    const away = this.#away.length ? `, offline ${this.#away.length} times` : "";
    return `Arrivals over time: ${this.#arrivals.filter((one) => one.chars > 0).length} chunks and ${chars} characters in ${(this.#ended / 1000).toFixed(1)} s${away}`;
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== w || this.#canvas.height !== h) Object.assign(this.#canvas, { width: w, height: h });
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const pen = this.#canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const now = this.#begun === null ? 0 : this.#ended ?? performance.now() - this.#begun;
    const span = niceAbove(Math.max(now, 2000));
    const top = niceAbove(Math.max(this.#arrivals.reduce((most, { chars }) => Math.max(most, chars), 0), 100));
    const base = height - FOOT - RUG;
    const x = (at) => (at / span) * width;
    const y = (chars) => base - (chars / top) * (base - HEAD);

    pen.fillStyle = colour("--line");
    for (const { from, to } of this.#away) {
      pen.globalAlpha = 0.55;
      pen.fillRect(x(from), 0, Math.max(1, x(to ?? now) - x(from)), height - FOOT);
    }
    pen.globalAlpha = 1;
    pen.fillRect(0, height - FOOT, width, 1);
    pen.fillRect(0, base, width, 1);

    pen.fillStyle = colour("--quiet");
    for (const at of this.#marks) pen.fillRect(x(at), 0, 1, height - FOOT);
    pen.font = `11px ${colour("--sans")}`;
    pen.textBaseline = "bottom";
    pen.fillText("0", 0, height);
    pen.textAlign = "end";
    pen.fillText(`${span / 1000} s`, width, height);
    pen.textAlign = "start";
    pen.textBaseline = "top";
    pen.fillText(`${top.toLocaleString("en")} chars`, 0, 0);

    const accent = colour("--accent");
    this.#paintLine(pen, x, y, now, accent, base);
    pen.fillStyle = accent;
    pen.globalAlpha = 0.7;
    for (const { at, chars } of this.#arrivals) if (chars > 0) pen.fillRect(x(at), base + 2, 1, RUG - 3);
    pen.globalAlpha = 1;
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

/** The next round number: 1, 2, 3, 5, 8 or 10 times a power of ten. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 5, 8, 10].map((step) => step * power).find((step) => step >= value);
}
