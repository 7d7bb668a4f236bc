/**
 * The timeline of one answer: its events and what the page did, with runs of tokens condensed into one entry. Pure.
 */

import { eventDetail, MEANINGS, PAGE_MEANINGS } from "./event-meanings.js";
import { counted } from "../../common/units.js";

/** Events of which many follow each other. */
const CONDENSED = new Set(["chunk", "reasoning", "tool_call"]);
const NOUNS = { chunk: "text", reasoning: "reasoning", tool_call: "tool call" };

/**
 * @typedef {object} TimelineEntry
 * @property {number} key stable, for the view
 * @property {number} ms since the start
 * @property {number} untilMs of the last event in it; `ms` if it is one event
 * @property {string} type the event's type, or a name of `PAGE_MEANINGS`
 * @property {boolean} isEvent false for what the page did
 * @property {number|null} seq of its first event
 * @property {number|null} lastSeq
 * @property {number} count events in it
 * @property {number} characters
 * @property {string} transport
 * @property {string} title
 * @property {string} detail
 * @property {string} meaning
 */

/** Collects entries; `onChange` is called with the entry that is new or has grown. */
export class Timeline {
  /** @type {(entry: TimelineEntry) => void} */
  onChange = () => {};
  #entries = /** @type {TimelineEntry[]} */ ([]);
  #startedAt = 0;

  /** Start a new answer. @param {number} now */
  begin(now) {
    this.#entries = [];
    this.#startedAt = now;
  }

  /** @returns {readonly TimelineEntry[]} */
  get entries() {
    return this.#entries;
  }

  /** Add an event of the protocol. @param {object} event @param {string} transport @param {number} now */
  addEvent(event, transport, now) {
    const characters = (event.content ?? event.arguments ?? "").length;
    const last = this.#entries.at(-1);
    if (last?.type === event.type && CONDENSED.has(event.type) && last.transport === transport) return this.#grow(last, event, characters, now);
    this.#add({ type: event.type, isEvent: true, seq: event.seq ?? null, count: 1, characters, transport, detail: eventDetail(event) }, now);
  }

  /** Add what the page did or saw. @param {keyof typeof PAGE_MEANINGS} name */
  addAction(name, transport, now, detail = "") {
    this.#add({ type: name, isEvent: false, seq: null, count: 1, characters: 0, transport, detail }, now);
  }

  #add(fields, now) {
    const ms = now - this.#startedAt;
    const entry = { key: this.#entries.length, ms, untilMs: ms, lastSeq: fields.seq, title: "", meaning: meaningOf(fields), ...fields };
    entry.title = titleOf(entry);
    this.#entries.push(entry);
    this.onChange(entry);
  }

  #grow(entry, event, characters, now) {
    entry.count += 1;
    entry.characters += characters;
    entry.lastSeq = event.seq ?? entry.lastSeq;
    entry.untilMs = now - this.#startedAt;
    entry.title = titleOf(entry);
    this.onChange(entry);
  }
}

function titleOf({ type, isEvent, count, characters }) {
  if (!isEvent) return { started: "Prompt sent", broken: "Connection broken", resumed: "Connected again", moved: "Moved to another transport", stop: "Stop pressed", checked: "Text compared" }[type];
  if (!CONDENSED.has(type)) return type;
  return `${counted(count, `${NOUNS[type]} event`)} · ${counted(characters, "character")}`;
}

const meaningOf = ({ type, isEvent }) => (isEvent ? MEANINGS[type] ?? "An event that this page does not know; a client skips it." : PAGE_MEANINGS[type]);
