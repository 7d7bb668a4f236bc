/**
 * How answers are sent, and what is recorded of each: a body of text/event-stream, a JSON document, a cut.
 */

const pieces = (text, size) => text.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
/** @returns {string[]} the arguments of a call in pieces, as they are streamed */
export const inPieces = (text) => pieces(text, 6);

/** @returns {string} a new id */
export const newId = (prefix) => prefix + Array.from({ length: 24 }, () => "abcdefghijklmnopqrstuvwxyz0123456789"[(Math.random() * 36) | 0]).join("");
export const now = () => Math.floor(Date.now() / 1000);

/** The requests, newest last: `GET /__journal` lists them. */
export class Journal {
  #entries = [];

  /** Record a request. @returns {object} its entry, which grows with the answer */
  record(method, path) {
    const entry = { n: this.#entries.length + 1, method, path };
    this.#entries.push(entry);
    return entry;
  }

  list() {
    return this.#entries;
  }
}

/** Send a JSON document. */
export function sendJson(response, entry, status, body) {
  entry.status = status;
  const retry = status === 429 ? { "retry-after": "1" } : {};
  response.writeHead(status, { "content-type": "application/json", "x-request-id": "req_reference", ...retry });
  response.end(JSON.stringify(body));
}

/** A body of text/event-stream. `entry.early` is set if the client leaves before its end. */
export class EventStream {
  isOpen = true;

  constructor(response, entry, lineEnd = "\n") {
    this.response = response;
    this.lineEnd = lineEnd;
    entry.status = 200;
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
    response.flushHeaders();
    response.on("close", () => {
      this.isOpen = false;
      if (!response.writableEnded) entry.early = true;
    });
  }

  /** Send an event; without a name, its data alone. */
  send(data, name) {
    if (!this.isOpen) return;
    const lines = [...(name ? [`event: ${name}`] : []), `data: ${typeof data === "string" ? data : JSON.stringify(data)}`];
    this.response.write(lines.join(this.lineEnd) + this.lineEnd + this.lineEnd);
  }

  end() {
    this.response.end();
  }

  /** Close the connection in the middle of the body. */
  cut() {
    this.response.destroy();
  }
}
