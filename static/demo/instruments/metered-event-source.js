/**
 * `EventSource` that records what it receives. The browser hides the bytes, so they are computed from each message; when the
 * stream has ended, the browser's own figure (Resource Timing, `encodedBodySize`) adds what no script sees: heartbeats, `retry`.
 */

import { NAMED } from "../../dualstream/events.js";
import { eventStreamFrame, utf8Length } from "./wire-size.js";

const TIMING_MS = 250; // the browser adds the entry of a finished stream within this time

/**
 * Build a metered class.
 * @param {import("./wire-log.js").WireLog} log
 * @param {typeof globalThis.EventSource} Base
 * @param {object} [browser]
 * @param {(url: string, since: number) => PerformanceResourceTiming|undefined} [browser.timingOf] returns the newest timing of a URL
 * @param {(callback: () => void, ms: number) => void} [browser.later]
 * @returns {typeof globalThis.EventSource}
 */
export function meteredEventSource(log, Base, { timingOf = latestTiming, later = setTimeout } = {}) {
  return class MeteredEventSource extends Base {
    #connection;
    #url;
    #startedAt;
    #counted = 0;
    #ended = false;

    constructor(url, options) {
      super(url, options);
      this.#url = this.url;
      this.#request();
      // Added before the client's listeners, so that an event's frame stands before the event.
      for (const name of ["message", "rejected", ...NAMED]) this.addEventListener(name, (message) => this.#onMessage(message));
      this.addEventListener("open", () => this.#add({ kind: "open", text: "200" }));
    }

    close() {
      super.close();
      this.#end("closed by the page");
    }

    #request() {
      this.#connection = log.nextConnection();
      this.#startedAt = performance.now();
      this.#counted = 0;
      this.#ended = false;
      const { pathname, search } = new URL(this.#url);
      // A ticket in the address is a credential: the view of the wire is copied and shown.
      this.#add({ kind: "request", direction: "out", text: `GET ${pathname}${search.replace(/(ticket=)[^&]*/, "$1…")}` });
    }

    #onMessage(message) {
      if (typeof message.data !== "string") return this.#onConnectionError();
      const text = eventStreamFrame(message);
      const bytes = utf8Length(text);
      this.#counted += bytes;
      this.#add({ kind: "frame", bytes, text });
    }

    /** The browser lost the connection; unless it gave up, it opens the next one by itself. */
    #onConnectionError() {
      this.#end("lost");
      if (this.readyState === Base.CONNECTING) this.#request();
    }

    #end(text) {
      if (this.#ended) return;
      this.#ended = true;
      const [connection, counted, startedAt] = [this.#connection, this.#counted, this.#startedAt];
      this.#add({ kind: text === "lost" ? "lost" : "end", text });
      later(() => {
        // An aborted response has no size there: then the computed one stands.
        const size = timingOf(this.#url, startedAt)?.encodedBodySize ?? 0;
        if (size > counted) log.add({ connection, carrier: "eventsource", kind: "frame", bytes: size - counted, text: HIDDEN });
      }, TIMING_MS);
    }

    #add(fields) {
      log.add({ connection: this.#connection, carrier: "eventsource", ...fields });
    }
  };
}

/** The text of the entry for bytes that only the browser counts. */
export const HIDDEN = "(heartbeats and the retry field: EventSource hides them; bytes by Resource Timing)";

function latestTiming(url, since) {
  return performance.getEntriesByName(url, "resource").filter(({ startTime }) => startTime >= since - 1).at(-1);
}
