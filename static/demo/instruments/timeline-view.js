/**
 * The timeline of a pane: each event with its time, and what it means. Entries are added in the next frame, not for each token.
 */

import { element, setText } from "../../common/dom.js";
import { NAMES } from "./names.js";
import { Timeline } from "./timeline.js";

export class TimelineView {
  /** @type {HTMLElement} */
  element;
  timeline = new Timeline();
  #list = element("ol", { className: "events" });
  #empty = element("p", { className: "caption", textContent: "Each event of the next answer appears here, with its time and what it means." });
  #rows = /** @type {Map<number, {item: HTMLElement, time: HTMLElement, title: HTMLElement}>} */ (new Map());
  #changed = /** @type {Set<import("./timeline.js").TimelineEntry>} */ (new Set());

  /** @param {string} title */
  constructor(title) {
    this.element = element("section", { className: "timeline-view" }, element("h3", { textContent: title }), this.#empty, this.#list);
    this.#list.hidden = true;
    this.timeline.onChange = (entry) => this.#showSoon(entry);
  }

  /** Start a new answer. @param {number} now */
  begin(now) {
    this.timeline.begin(now);
    this.#rows.clear();
    this.#changed.clear();
    this.#list.replaceChildren();
    this.#list.hidden = false;
    this.#empty.hidden = true;
  }

  #showSoon(entry) {
    if (this.#changed.size === 0) requestAnimationFrame(() => this.#showChanged());
    this.#changed.add(entry);
  }

  #showChanged() {
    for (const entry of this.#changed) {
      const row = this.#rows.get(entry.key) ?? this.#addRow(entry);
      setText(row.time, timeOf(entry));
      setText(row.title, entry.title);
    }
    this.#changed.clear();
  }

  #addRow(entry) {
    const row = { item: element("li", { data: { transport: entry.transport, type: entry.type, kind: entry.isEvent ? "event" : "action" } }), time: element("time", {}), title: element("span", { className: "event-name" }) };
    const summary = element("summary", {}, row.time, element("span", { className: "event-mark" }), row.title, element("span", { className: "event-detail", textContent: entry.detail }));
    const seqs = entry.isEvent && entry.seq !== null ? `Event ${entry.seq}${NAMES[entry.transport] ? `, over ${NAMES[entry.transport]}` : ""}. ` : "";
    row.item.append(element("details", {}, summary, element("p", { className: "event-meaning", textContent: `${seqs}${entry.meaning}` })));
    summary.title = entry.meaning;
    this.#rows.set(entry.key, row);
    this.#list.append(row.item);
    return row;
  }
}

/** Return "0.12 s", or "0.12 – 4.30 s" for a run of tokens. */
function timeOf({ ms, untilMs }) {
  const seconds = (value) => (value / 1000).toFixed(2);
  return untilMs === ms ? `${seconds(ms)} s` : `${seconds(ms)} – ${seconds(untilMs)} s`;
}
