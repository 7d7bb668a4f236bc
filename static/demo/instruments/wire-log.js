/**
 * The record of what went over the wire: one entry for each request, opened stream, frame and end. Pure: times are passed in.
 */

/**
 * @typedef {object} WireEntry
 * @property {number} at milliseconds on the clock of `performance.now()`, as for all times here
 * @property {number} connection number of the request or socket, from 1
 * @property {"request"|"open"|"frame"|"lost"|"end"} kind
 * @property {"http"|"eventsource"|"websocket"} carrier
 * @property {"in"|"out"} direction
 * @property {number} bytes on the wire, as far as the page can see them; 0 if none
 * @property {number|null} head bytes of a response's head; null if the page can't see it
 * @property {string} text what was sent, in full or as a summary
 */

const MAX_ENTRIES = 5000; // an answer of 60,000 characters has about as many frames; the sums go on without the entries

const MAX_TEXT = 4000; // characters that are kept of each: an image may have millions

/** The text of an entry whose connection the page itself broke. */
export const ABORTED = "aborted by the page";

/** Collects entries and passes each to one listener. */
export class WireLog {
  #entries = /** @type {WireEntry[]} */ ([]);
  #connections = 0;
  #dropped = 0;
  #now;

  /** @type {(entry: WireEntry) => void} */
  onEntry = () => {};

  /** @param {() => number} now */
  constructor(now) {
    this.#now = now;
  }

  /** @returns {number} the number of a new request or socket */
  nextConnection() {
    this.#connections += 1;
    return this.#connections;
  }

  /** Add an entry. @param {Partial<WireEntry> & Pick<WireEntry, "connection"|"kind"|"carrier">} fields */
  add(fields) {
    const entry = { at: this.#now(), direction: "in", bytes: 0, head: null, text: "", ...fields };
    if (this.#entries.length < MAX_ENTRIES) this.#entries.push(shortened(entry));
    else this.#dropped += 1;
    this.onEntry(entry);
  }

  /** Forget all entries, for a new answer. Connections keep their numbers. */
  clear() {
    this.#entries = [];
    this.#dropped = 0;
  }

  /** @returns {readonly WireEntry[]} */
  get entries() {
    return this.#entries;
  }

  /** @returns {number} entries that were not kept */
  get dropped() {
    return this.#dropped;
  }
}

function shortened(entry) {
  if (entry.text.length <= MAX_TEXT) return entry;
  return { ...entry, text: `${entry.text.slice(0, MAX_TEXT)}… (${entry.text.length - MAX_TEXT} characters more)` };
}
