/**
 * A text/event-stream decoder: bytes in, messages out, as the WHATWG standard says (section 9.2.6).
 * Pure: no timer, no network. It is what `EventSource` does inside, for a body that `fetch` reads.
 */

/**
 * @typedef {object} Message
 * @property {string} event the message's name; "message" when the stream gave none
 * @property {string} data
 * @property {string} lastEventId the id of this message, or of the last one before it that had one
 */

const CR = "\r";
const LF = "\n";

/** Decode one stream. Feed it every piece of the body in turn; how the body is cut makes no difference. */
export class EventStreamDecoder {
  #utf8 = new TextDecoder("utf-8"); // drops one leading BOM, and joins characters that were cut in two
  #rest = "";
  #afterCR = false; // a CR ended the last line: an LF that comes next belongs to it
  #event = "";
  #data = /** @type {string[]} */ ([]);
  #id = "";

  /** The id that a reconnect must send as `Last-Event-ID`; counts at a message's end only, as in the standard. */
  lastEventId = "";

  /** @type {number|null} the stream's wish for the wait before a reconnect, in milliseconds */
  retryMs = null;

  /**
   * Take the next piece of the body.
   * @param {Uint8Array} bytes
   * @returns {Message[]} the messages that this piece completed
   */
  push(bytes) {
    let text = this.#utf8.decode(bytes, { stream: true });
    if (this.#afterCR && text !== "") {
      this.#afterCR = false;
      if (text[0] === LF) text = text.slice(1);
    }
    const messages = /** @type {Message[]} */ ([]);
    let begin = 0;
    // Search in the new text alone: a line that comes in a thousand pieces must not be read a thousand times.
    for (let at = lineEnd(text, 0); at !== -1; at = lineEnd(text, begin)) {
      const line = this.#rest + text.slice(begin, at);
      this.#rest = "";
      begin = at + 1;
      if (text[at] === CR) {
        if (begin === text.length) this.#afterCR = true;
        else if (text[begin] === LF) begin += 1;
      }
      const message = this.#line(line);
      if (message) messages.push(message);
    }
    this.#rest += text.slice(begin);
    return messages;
  }

  /** @returns {Message|null} */
  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null; // a comment, such as a heartbeat
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }

  /** @returns {Message|null} */
  #dispatch() {
    this.lastEventId = this.#id;
    const message = { event: this.#event || "message", data: this.#data.join(LF), lastEventId: this.#id };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return empty ? null : message;
  }
}

function lineEnd(text, from) {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === LF || text[at] === CR) return at;
  }
  return -1;
}
