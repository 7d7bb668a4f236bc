/**
 * The model's reasoning: folded, with its last line and its duration while it runs.
 */

import { setText } from "../common/dom.js";
import { formatDuration } from "./messages.js";

const TICKER_CHARACTERS = 120;

export class Reasoning {
  #parts;
  #startedAt = /** @type {number|null} */ (null);
  #ms = /** @type {number|null} */ (null);
  #text = "";

  /** @param {{box: HTMLDetailsElement, title: HTMLElement, ticker: HTMLElement, text: HTMLElement}} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @returns {{text: string, ms: number|null}} what `restore` takes */
  get saved() {
    return { text: this.#text, ms: this.#ms };
  }

  /** @param {string} content @param {number} at milliseconds on the clock of `performance.now()` */
  add(content, at) {
    this.#startedAt ??= at;
    this.#ms = at - this.#startedAt;
    this.#text += content;
    this.#parts.box.hidden = false;
    this.#parts.text.append(content);
    setText(this.#parts.title, `Thinking for ${formatDuration(this.#ms)}`);
    setText(this.#parts.ticker, lastLine(this.#text));
  }

  /** The text has begun, or the answer has ended. */
  end() {
    if (this.#text === "") return;
    setText(this.#parts.title, this.#ms === null ? "Thoughts" : `Thought for ${formatDuration(this.#ms)}`);
    setText(this.#parts.ticker, "");
  }

  clear() {
    this.#startedAt = this.#ms = null;
    this.#text = "";
    this.#parts.box.hidden = true;
    this.#parts.text.replaceChildren();
  }

  restore({ text, ms }) {
    if (text === "") return;
    this.#text = text;
    this.#ms = ms;
    this.#parts.box.hidden = false;
    this.#parts.text.textContent = text;
    this.end();
  }
}

/** Return the end of a text, from its last line. */
export function lastLine(text) {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line.length <= TICKER_CHARACTERS ? line : `…${line.slice(-TICKER_CHARACTERS)}`;
}
