/**
 * A decoder of text/event-stream: bytes in, messages out, as the WHATWG HTML standard defines (section 9.2.6).
 * Pure: no timers, no network. It does for a body read with `fetch` what `EventSource` does internally.
 */

/**
 * @typedef {object} Message
 * @property {string} event the message's name; "message" if the stream has none
 * @property {string} data
 * @property {string} lastEventId the id of this message, or of the last one before it that has one
 */

const CR = "\r";
const LF = "\n";

/** Decodes one stream. Push every piece of the body in order; where the body is cut makes no difference. */
export class EventStreamDecoder {
  #utf8 = new TextDecoder("utf-8"); // removes one leading BOM, and joins characters that were cut in two
  #partialLine = "";
  #afterCR = false; // a CR ended the last line; an LF that follows belongs to it
  #event = "";
  #data = /** @type {string[]} */ ([]);
  #id = "";

  /** The id to send as `Last-Event-ID` when reconnecting; set at the end of a message only, as in the standard. */
  lastEventId = "";

  /** @type {number|null} milliseconds that the stream asks to wait before reconnecting */
  retryMs = null;

  /**
   * Decode the next piece of the body.
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
    let start = 0;
    // Search only the new text: a line in a thousand pieces must not be scanned a thousand times.
    for (let at = findLineEnd(text, 0); at !== -1; at = findLineEnd(text, start)) {
      const line = this.#partialLine + text.slice(start, at);
      this.#partialLine = "";
      start = at + 1;
      if (text[at] === CR) {
        if (start === text.length) this.#afterCR = true;
        else if (text[start] === LF) start += 1;
      }
      const message = this.#processLine(line);
      if (message) messages.push(message);
    }
    this.#partialLine += text.slice(start);
    return messages;
  }

  /** @returns {Message|null} */
  #processLine(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null; // a comment, for example a heartbeat
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

function findLineEnd(text, from) {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === LF || text[at] === CR) return at;
  }
  return -1;
}
