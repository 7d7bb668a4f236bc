/**
 * Feedback on the answer of a pane: a text that revises or stops it, a note, or a rating.
 */

import { setText } from "../common/dom.js";
import { failureMessage } from "./messages.js";

const DONE = { revise: "Sent: the answer starts again.", stop: "Sent: the answer stops.", note: "Noted." };

export class FeedbackForm {
  #part;
  #pane;
  #onSend;

  /**
   * @param {(role: string) => HTMLElement} part returns an element of the pane
   * @param {{answer: import("../dualstream.js").Answer|null}} pane
   * @param {() => void} onSend called when feedback is sent
   */
  constructor(part, pane, onSend) {
    this.#part = part;
    this.#pane = pane;
    this.#onSend = onSend;
    part("feedback-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    for (const role of ["rate-up", "rate-down"]) part(role).addEventListener("click", () => this.#rate(part(role)));
  }

  /** Begin again, for another answer. */
  clear() {
    this.#say("");
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", "false");
  }

  focus() {
    this.#part("feedback-text").focus();
  }

  async #submit() {
    const [mode, text] = [this.#part("feedback-mode").value, this.#part("feedback-text").value.trim()];
    if (this.#pane.answer?.id == null) return this.#say("There is no answer yet.");
    if (mode === "revise" && text === "") return this.#say("Write what should be different.");
    if (mode === "note" && text === "") return this.#say("Write the note first.");
    if (await this.#send(text === "" ? { mode } : { mode, text }, DONE[mode])) this.#part("feedback-text").value = "";
  }

  async #rate(button) {
    if (this.#pane.answer?.id == null) return this.#say("There is no answer yet to rate.");
    if (!(await this.#send({ mode: "note", rating: Number(button.dataset.rating) }, "Thank you, noted."))) return;
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", String(this.#part(role) === button));
  }

  /** @returns {Promise<boolean>} true if the gateway has accepted it */
  async #send(feedback, done) {
    this.#onSend();
    try {
      await this.#pane.answer.feedback(feedback);
      this.#say(done);
      return true;
    } catch (error) {
      const ended = error.code === "already_over" && feedback.mode !== "note";
      this.#say(ended ? "This answer has ended; only a note can be added." : `${failureMessage(error.code)} ${error.message}`);
      return false;
    }
  }

  #say(text) {
    setText(this.#part("feedback-status"), text);
  }
}
