/**
 * One call per frame, however often it is asked for: a page paints 60 times a second, and tokens may come more often.
 */

/** Maximum milliseconds until the call in a hidden tab, which has no frames. */
const HIDDEN_MS = 250;

/** Milliseconds between calls where there are no frames, as in Node. */
const FRAME_MS = 16;

/** Calls a function once in the next frame. */
export class FrameScheduler {
  #callback;
  #frame = null;
  #timer = null;

  /** @param {() => void} callback */
  constructor(callback) {
    this.#callback = callback;
  }

  /** Schedule the call, unless it is scheduled. */
  schedule() {
    if (this.#timer !== null) return;
    const run = () => { this.cancel(); this.#callback(); };
    const hasFrames = typeof globalThis.requestAnimationFrame === "function";
    if (hasFrames) this.#frame = globalThis.requestAnimationFrame(run);
    this.#timer = globalThis.setTimeout(run, hasFrames ? HIDDEN_MS : FRAME_MS);
  }

  /** Cancel the call. */
  cancel() {
    if (this.#frame !== null) globalThis.cancelAnimationFrame(this.#frame);
    globalThis.clearTimeout(this.#timer);
    this.#frame = this.#timer = null;
  }
}
