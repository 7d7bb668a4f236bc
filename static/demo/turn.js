/**
 * One turn as a pane shows it: the prompt, the answer with its reasoning, tool calls and parts, and how it ended.
 */

import { element, fromTemplate, setText } from "../common/dom.js";
import { MarkdownView } from "./markdown/view.js";
import { showPart } from "./parts.js";
import { showProblem } from "./problem.js";
import { Reasoning } from "./reasoning.js";
import { RecoveredMark } from "./recovered.js";
import { copyWith, showLink } from "./share.js";
import { ToolCards } from "./tools.js";

const ROLES = [
  "asked", "revision", "reasoning", "reasoning-title", "ticker", "reasoning-text", "text", "parts", "tools", "ended", "problem", "notices",
  "usage", "copy", "share", "link", "generation", "seq",
];

export class Turn {
  /** @type {HTMLElement} */
  root;
  /** @type {ToolCards} */
  tools;
  /** @type {Reasoning} */
  reasoning;
  /** @type {RecoveredMark} */
  recovered;
  /** the answer's text in Markdown, once another turn follows */
  source = "";
  #parts = /** @type {Record<string, HTMLElement>} */ ({});
  #markdown;
  #startedAt;

  /**
   * @param {string|null} prompt null if it is not known, as for the answer of another client, or is that of the turn before
   * @param {{startedAt: number, pane: string, needsKey: () => boolean, text: () => string}} context `startedAt`: on the clock of
   *   `performance.now()`; `text`: the answer's, in Markdown
   */
  constructor(prompt, { startedAt, pane, needsKey, text }) {
    this.root = fromTemplate("turn").querySelector(".turn");
    for (const role of ROLES) this.#parts[role] = this.root.querySelector(`[data-role="${role}"]`);
    const { asked, reasoning: box, "reasoning-title": title, ticker, "reasoning-text": thoughts, text: shown, tools, copy, share } = this.#parts;
    asked.hidden = prompt === null;
    asked.textContent = prompt ?? "";
    this.recovered = new RecoveredMark(shown, `recovered-${pane}`);
    this.#markdown = new MarkdownView(shown, () => this.recovered.update());
    this.reasoning = new Reasoning({ box, title, ticker, text: thoughts });
    this.tools = new ToolCards(tools);
    this.#startedAt = startedAt;
    copy.addEventListener("click", () => copyWith(copy, text()));
    share.addEventListener("click", () => showLink(this.#parts.link, this.generation, needsKey()));
    shown.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-copies]");
      if (button) copyWith(button, button.closest(".code-block").querySelector("code").textContent);
    });
  }

  /** @returns {string} */
  get generation() {
    return this.#parts.generation.textContent;
  }

  addText(content) {
    this.reasoning.end();
    this.#markdown.push(content);
  }

  setText(text) {
    this.#markdown.reset(text);
  }

  /** Show at once what has arrived. */
  render() {
    this.#markdown.render();
  }

  addPart(part) {
    showPart(this.#parts.parts, part);
  }

  /** Start the text again, for a new revision. @param {string} reason shown above it */
  revise(reason) {
    this.#markdown.reset();
    this.recovered.clear();
    this.reasoning.clear();
    this.tools.clear();
    this.#parts.parts.replaceChildren();
    this.#parts.parts.hidden = true;
    this.showRevision(reason);
  }

  showRevision(reason) {
    this.#parts.revision.hidden = reason === "";
    setText(this.#parts.revision, reason);
  }

  addNotice(text, at) {
    const time = element("time", { textContent: `${((at - this.#startedAt) / 1000).toFixed(1)} s` });
    this.#parts.notices.append(element("li", {}, time, text));
  }

  showGeneration(id) {
    setText(this.#parts.generation, id);
    this.root.dataset.generation = id;
  }

  showSeq(seq) {
    setText(this.#parts.seq, `event ${seq}`);
  }

  showUsage(text) {
    setText(this.#parts.usage, text);
  }

  showProblem(error, options) {
    showProblem(this.#parts.problem, error, options);
  }

  /** @param {string} [state] how the answer ended, as far as it is known */
  end(state) {
    const isStopped = state === "interrupted" || state === "detached";
    this.#parts.ended.hidden = !isStopped;
    this.#markdown.end();
    this.reasoning.end();
    if (isStopped) setText(this.#parts.ended, this.#parts.text.textContent === "" ? "Stopped before its first word." : "Stopped here.");
    this.root.dataset.ended = "";
  }

  /** @returns {object} what is shown beside the answer, for `restore` */
  get saved() {
    return {
      prompt: this.#parts.asked.hidden ? null : this.#parts.asked.textContent,
      revision: this.#parts.revision.textContent,
      reasoning: this.reasoning.saved,
      usage: this.#parts.usage.textContent,
      generation: this.generation,
      seq: Number(this.#parts.seq.textContent.replace("event ", "")),
    };
  }

  /**
   * Show a turn of an earlier page.
   * @param {object} saved
   * @param {{text: string, toolCalls: object[], parts: object[]}} answer
   */
  restore({ revision, reasoning, usage, generation, seq }, { text, toolCalls, parts }) {
    this.showRevision(revision);
    this.reasoning.restore(reasoning);
    this.setText(text);
    this.render();
    this.tools.show(toolCalls);
    for (const part of parts) this.addPart(part);
    this.showUsage(usage);
    this.showGeneration(generation);
    this.showSeq(seq);
  }
}
