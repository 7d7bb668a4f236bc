/**
 * The raw frames of a pane's last answer, to read and to copy. They are written when the view is opened.
 */

import { element } from "../../common/dom.js";
import { frameLine } from "./frames-text.js";
import { counted } from "../../common/units.js";

const MAX_LINES = 400; // shown; a copy has all that are kept

export class FramesView {
  /** @type {HTMLDetailsElement} */
  element;
  #log;
  #startedAt = 0;
  #text = element("pre", { className: "frames", tabIndex: 0 });
  #copy = element("button", { type: "button", textContent: "Copy" });
  #note = element("span", { className: "caption" });
  #scheduled = false;

  /** @param {string} title @param {import("./wire-log.js").WireLog} log */
  constructor(title, log) {
    this.#log = log;
    this.#text.setAttribute("aria-label", `Frames of ${title}`);
    this.#text.setAttribute("role", "group");
    this.element = /** @type {HTMLDetailsElement} */ (element("details", { className: "frames-view" },
      element("summary", {}, "On the wire"),
      element("div", { className: "frames-tools" }, this.#copy, this.#note),
      this.#text));
    this.element.addEventListener("toggle", () => this.changed());
    this.#copy.addEventListener("click", () => this.#copyAll());
  }

  /** Start a new answer. @param {number} startedAt */
  begin(startedAt) {
    this.#startedAt = startedAt;
    this.#copy.textContent = "Copy";
    this.changed();
  }

  /** Write the text in the next frame, if the view is open. */
  changed() {
    if (!this.element.open || this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#show();
    });
  }

  #lines() {
    return this.#log.entries.map((entry) => frameLine(entry, this.#startedAt));
  }

  #show() {
    const lines = this.#lines();
    const hidden = Math.max(0, lines.length - MAX_LINES);
    this.#text.textContent = lines.slice(0, MAX_LINES).join("\n");
    const left = hidden + this.#log.dropped;
    this.#note.textContent = `${counted(lines.length, "line")}${left > 0 ? `, ${counted(left, "line")} not shown` : ""}. ↵ is a line end; #1 a connection.`;
  }

  async #copyAll() {
    try {
      await navigator.clipboard.writeText(this.#lines().join("\n"));
      this.#copy.textContent = "Copied";
    } catch {
      // Over plain HTTP in the local network there is no clipboard: select the text, so that the user can copy it.
      getSelection()?.selectAllChildren(this.#text);
      this.#copy.textContent = "Selected: copy it now";
    }
  }
}
