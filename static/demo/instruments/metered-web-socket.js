/**
 * `WebSocket` that records what it sends and receives. A script sees payloads, and RFC 6455 says what a frame adds to them.
 */

import { utf8Length, webSocketFrameLength } from "./wire-size.js";

/**
 * Build a metered class.
 * @param {import("./wire-log.js").WireLog} log
 * @param {typeof globalThis.WebSocket} Base
 * @returns {typeof globalThis.WebSocket}
 */
export function meteredWebSocket(log, Base) {
  return class MeteredWebSocket extends Base {
    #connection = log.nextConnection();

    constructor(url, protocols) {
      super(url, protocols);
      const { pathname } = new URL(this.url);
      // Subprotocols are not shown: one of them may be a ticket.
      this.#add({ kind: "request", direction: "out", text: `GET ${pathname} (upgrade to WebSocket)` });
      this.addEventListener("open", () => this.#add({ kind: "open", text: `101, subprotocol ${this.protocol || "none"}` }));
      // Added before the client's handlers, so that an event's frame stands before the event.
      this.addEventListener("message", ({ data }) => this.#add({ kind: "frame", bytes: frameLength(data), text: String(data) }));
      this.addEventListener("close", ({ code, reason, wasClean }) => {
        this.#add({ kind: wasClean ? "end" : "lost", text: `close ${code}${reason && ` ${reason}`}` });
      });
    }

    send(data) {
      super.send(data);
      const bytes = webSocketFrameLength(utf8Length(data), { masked: true });
      this.#add({ kind: "frame", direction: "out", bytes, text: withoutSecrets(data) });
    }

    #add(fields) {
      log.add({ connection: this.#connection, carrier: "websocket", ...fields });
    }
  };
}

const frameLength = (data) => webSocketFrameLength(typeof data === "string" ? utf8Length(data) : data.byteLength ?? data.size);

/** A `hello` has the key as its token. */
const withoutSecrets = (data) => data.replace(/("token":")[^"]*/, "$1…");
