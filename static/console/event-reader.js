/**
 * Reads a stream of events, and reconnects when it is lost. Not an `EventSource`: that can't send a key.
 */

import { EventStreamDecoder } from "../dualstream/event-stream.js";

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;
const SILENCE_MS = 40_000; // the gateway sends a heartbeat each 15 s

/** One stream. It reads from `start` until `stop`, or until a request is refused. */
export class EventReader {
  #session;
  #path;
  #handlers;
  #stopping = /** @type {AbortController|null} */ (null);
  #failures = 0;

  /**
   * @param {import("./session.js").Session} session
   * @param {() => {path: string, headers?: Record<string, string>}} request called for each connection
   * @param {object} handlers
   * @param {(type: string, data: any, id: string) => void} handlers.onEvent
   * @param {() => void} [handlers.onOpen]
   * @param {(waitMs: number) => void} [handlers.onLost] it reconnects in so many milliseconds
   * @param {(error: import("./session.js").RequestError) => void} handlers.onRefused it has stopped
   * @param {() => boolean} [handlers.isOver] true if the end of the stream is its proper end
   */
  constructor(session, request, handlers) {
    this.#session = session;
    this.#path = request;
    this.#handlers = handlers;
  }

  start() {
    this.stop();
    this.#stopping = new AbortController();
    this.#failures = 0;
    this.#run(this.#stopping.signal);
  }

  stop() {
    this.#stopping?.abort();
    this.#stopping = null;
  }

  async #run(signal) {
    while (!signal.aborted) {
      try {
        await this.#read(signal);
        if (this.#handlers.isOver?.()) return;
      } catch (error) {
        if (signal.aborted) return;
        if (error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408) return this.#handlers.onRefused(error);
      }
      if (signal.aborted) return;
      const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#failures += 1;
      this.#handlers.onLost?.(waitMs);
      await pause(waitMs, signal);
    }
  }

  async #read(signal) {
    const { path, headers } = this.#path();
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      // Without `Accept: text/event-stream`: an EventSource, which sends it, gets a refusal as an event.
      const response = await this.#session.fetch(path, { signal: connection.signal, headers });
      if (response.status === 204) return;
      this.#handlers.onOpen?.();
      const decoder = new EventStreamDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const silence = setTimeout(abort, SILENCE_MS);
        const { done, value } = await reader.read().finally(() => clearTimeout(silence));
        if (done || signal.aborted) return;
        for (const { event, data, lastEventId } of decoder.push(value)) {
          this.#failures = 0;
          this.#handlers.onEvent(event, JSON.parse(data), lastEventId);
        }
      }
    } finally {
      signal.removeEventListener("abort", abort);
      abort();
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(undefined); }, { once: true });
  });
}
