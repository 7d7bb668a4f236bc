/**
 * One turn as a pane shows it: the prompt, the answer with its reasoning, tool calls and parts, and how it ended.
 */

import { element, fromTemplate, setText } from "./dom.js";
import { MarkdownView } from "./markdown/view.js";
import { showPart } from "./parts.js";

const ROLES = [
  "asked", "revision", "reasoning", "reasoning-title", "ticker", "reasoning-text", "text", "parts", "tools", "problem", "notices",
  "usage", "copy", "share", "generation", "seq",
];

export class Turn {
  /** @type {HTMLElement} */
  root;
  #parts = /** @type {Record<string, HTMLElement>} */ ({});
  #markdown;
  #startedAt;

  /**
   * @param {string|null} prompt null if it is not known, as for the answer of another client
   * @param {number} startedAt milliseconds on the clock of `performance.now()`
   */
  constructor(prompt, startedAt) {
    const content = fromTemplate("turn");
    this.root = content.querySelector(".turn");
    for (const role of ROLES) this.#parts[role] = this.root.querySelector(`[data-role="${role}"]`);
    this.#parts.asked.hidden = prompt === null;
    this.#parts.asked.textContent = prompt ?? "";
    this.#markdown = new MarkdownView(this.#parts.text);
    this.#startedAt = startedAt;
  }

  /** Return the element with a `data-role`. @param {string} role */
  part(role) {
    return this.#parts[role];
  }

  addText(content) {
    this.#markdown.push(content);
  }

  setText(text) {
    this.#markdown.reset(text);
  }

  addReasoning(content) {
    this.#parts.reasoning.hidden = false;
    this.#parts["reasoning-text"].append(content);
  }

  showToolCalls(calls) {
    this.#parts.tools.hidden = calls.length === 0;
    this.#parts.tools.replaceChildren(...calls.map(({ name, arguments: json }) => element("p", {}, `${name}(${json})`)));
  }

  addPart(part) {
    showPart(this.#parts.parts, part);
  }

  /** Start the text again, for a new revision. @param {string} reason shown above it */
  revise(reason) {
    this.#markdown.reset();
    for (const role of ["reasoning-text", "tools", "parts"]) this.#parts[role].replaceChildren();
    for (const role of ["reasoning", "tools", "parts"]) this.#parts[role].hidden = true;
    this.#parts.revision.hidden = false;
    setText(this.#parts.revision, reason);
  }

  addNotice(text, at) {
    const time = element("time", { textContent: `${((at - this.#startedAt) / 1000).toFixed(1)} s` });
    this.#parts.notices.append(element("li", {}, time, text));
  }

  showGeneration(id) {
    setText(this.#parts.generation, id);
  }

  showSeq(seq) {
    setText(this.#parts.seq, `event ${seq}`);
  }

  showUsage(text) {
    setText(this.#parts.usage, text);
  }

  end() {
    this.#markdown.end();
    this.root.dataset.ended = "";
  }
}
