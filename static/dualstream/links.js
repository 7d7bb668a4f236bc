/**
 * The two ways to read a generation over SSE. A link is one connection: it opens at once, tells its sink what it sees, and
 * never tries again by itself (`EventSource` does, because browsers made it so); whether to is the answer's to decide.
 */

import { DualstreamError, errorOfResponse, networkError } from "./errors.js";
import { EventStreamDecoder } from "./eventstream.js";
import { NAMED, eventOf } from "./position.js";

/**
 * What a link tells. A link that was closed tells nothing more.
 * @typedef {object} Sink
 * @property {(generationId: string) => void} named the generation's id is known
 * @property {() => void} opened the connection stands
 * @property {(bytes?: number) => void} alive something came, be it a heartbeat
 * @property {(event: object) => void} event
 * @property {() => void} offline the connection broke, and the link itself is already on its way back
 * @property {(error: DualstreamError) => void} down the connection is over without the answer's end
 * @property {(state: string|null) => void} ended there is nothing after the position that was asked for
 */

/**
 * `close` leaves; `cut` breaks the connection beneath, with whoever shares it.
 * @typedef {{close: () => void, cut: () => void}} Link
 */

const CLOSED = 2; // EventSource.CLOSED, which a stand-in need not have

/**
 * Read with the browser's own `EventSource`, which comes back by itself with `Last-Event-ID`. It shows neither heartbeats
 * nor why it gave up; for the latter `explain` asks the gateway.
 * @param {object} how
 * @param {string} how.url
 * @param {typeof EventSource} how.EventSource
 * @param {boolean} how.withCredentials whether cookies go to another origin
 * @param {() => Promise<{state: string|null}>} how.explain rejects with a DualstreamError, or gives the generation's state
 * @param {Sink} how.sink
 * @returns {Link}
 */
export function openEventSource({ url, EventSource, withCredentials, explain, sink }) {
  const source = new EventSource(url, { withCredentials });
  let over = false;
  const heard = new Map([["open", () => sink.opened()], ["message", hear], ...NAMED.map((name) => [name, hear])]);
  for (const [name, listener] of heard) source.addEventListener(name, listener);

  function hear(message) {
    // "error" is both an event of the protocol, which has data, and what EventSource says when the connection breaks.
    if (typeof message.data !== "string") return broke();
    sink.alive(message.data.length);
    deliver(message.data, message.lastEventId, sink, close);
  }

  function broke() {
    if (source.readyState !== CLOSED) return sink.offline();
    close();
    over = false; // the connection is closed, but not by our owner: the explanation is still wanted
    explain().then(
      ({ state }) => { if (!over) sink.ended(state); },
      (error) => { if (!over) sink.down(networkError("The connection was lost.", error)); },
    );
  }

  function close() {
    over = true;
    for (const [name, listener] of heard) source.removeEventListener(name, listener);
    source.close();
  }
  return { close, cut: close };
}

/**
 * Read with `fetch`, which can send headers and a body, and shows every byte.
 * @param {object} how
 * @param {string} how.url
 * @param {RequestInit} how.init
 * @param {typeof fetch} how.fetch
 * @param {Sink} how.sink
 * @returns {Link}
 */
export function openFetch({ url, init, fetch, sink }) {
  const controller = new AbortController();
  const { signal } = controller;
  const close = () => controller.abort();
  read().catch((error) => {
    if (signal.aborted) return;
    close(); // gives the connection back when it was we who could not go on
    sink.down(networkError("The connection was lost.", error));
  });

  async function read() {
    const response = await fetch(url, { ...init, signal });
    if (signal.aborted) return;
    if (response.status === 204) return sink.ended(null);
    if (!response.ok) throw await errorOfResponse(response);
    const type = response.headers.get("Content-Type") ?? "";
    if (!type.startsWith("text/event-stream")) throw notAStream(type);
    const generationId = response.headers.get("X-Generation-ID");
    if (generationId) sink.named(generationId);
    sink.opened();
    await readBody(response.body.getReader());
  }

  async function readBody(reader) {
    const decoder = new EventStreamDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      // A body that ends before the answer did was cut somewhere on the way, however cleanly.
      if (done) throw networkError("The connection ended before the answer did.");
      sink.alive(value.length);
      for (const { data, lastEventId } of decoder.push(value)) {
        deliver(data, lastEventId, sink, close);
        if (signal.aborted) return;
      }
    }
  }
  return { close, cut: close };
}

function deliver(data, lastEventId, sink, close) {
  let event;
  try {
    event = eventOf(data, lastEventId);
  } catch (error) {
    close();
    const message = "The gateway sent an event that is no JSON object.";
    return sink.down(new DualstreamError("upstream_protocol", message, { retryable: true, cause: error }));
  }
  sink.event(event);
}

function notAStream(type) {
  const message = `The answer is no event stream but ${type || "of no type"}: is the base URL that of a gateway?`;
  return new DualstreamError("upstream_protocol", message);
}
