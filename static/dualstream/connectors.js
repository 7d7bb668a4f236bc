/**
 * The two ways to read a generation over SSE. A connection opens at once and reports what it receives to its listener. It
 * does not reconnect (only `EventSource` does, because the standard requires it): the answer decides about retries.
 */

import { DualstreamError, errorOf, errorOfResponse, networkError } from "./errors.js";
import { EventStreamDecoder } from "./event-stream.js";
import { NAMED, REFUSED_POSITION, eventOf } from "./events.js";

/**
 * What a connection reports. A connection that was closed reports nothing more.
 * @typedef {object} Listener
 * @property {(generationId: string) => void} onId the generation's id is known
 * @property {() => void} onOpen the connection is open
 * @property {(bytes?: number) => void} onActivity data arrived, heartbeats included
 * @property {(event: object) => void} onEvent
 * @property {(transport: "sse"|"poll") => void} onTransport what `auto` reads on
 * @property {() => void} onReconnecting the connection was lost, and EventSource is reconnecting
 * @property {(error: DualstreamError) => void} onError the connection ended before the generation did
 * @property {(state: string|null, seq?: number) => void} onEnd there are no events after the requested position; or, with
 *   `state` and `seq`, those of the generation, after which EventSource gave up
 */

/**
 * `close` leaves the generation; `abort` breaks the underlying connection, with all generations that share it.
 * @typedef {{close: () => void, abort: () => void}} Connection
 */

const CLOSED = 2; // EventSource.CLOSED; a replacement class may lack the constant

/**
 * Read with the browser's `EventSource`, which reconnects by itself and sends `Last-Event-ID`. It reports neither heartbeats
 * nor why it gave up; `explain` asks the gateway for the reason.
 * @param {object} options
 * @param {string} options.url
 * @param {typeof EventSource} options.EventSource
 * @param {boolean} options.withCredentials true to send cookies to another origin
 * @param {() => Promise<{state: string|null, seq: number}>} options.explain returns the generation's snapshot; rejects with a
 *   DualstreamError
 * @param {Listener} options.listener
 * @returns {Connection}
 */
export function openEventSource({ url, EventSource, withCredentials, explain, listener }) {
  const source = new EventSource(url, { withCredentials });
  let closed = false;
  const handlers = new Map([["open", () => listener.onOpen()], ...["message", "rejected", ...NAMED].map((name) => [name, onMessage])]);
  for (const [name, handler] of handlers) source.addEventListener(name, handler);

  function onMessage(message) {
    // "error" is an event of the protocol, which has data, and also what EventSource dispatches for a lost connection.
    if (typeof message.data !== "string") return onConnectionError();
    listener.onActivity(message.data.length);
    deliver(message.data, message.lastEventId, listener, close);
  }

  function onConnectionError() {
    if (source.readyState !== CLOSED) return listener.onReconnecting();
    close();
    closed = false; // the source gave up, but the owner has not closed it: the explanation must still be reported
    explain().then(
      ({ state, seq }) => { if (!closed) listener.onEnd(state, seq); },
      (error) => { if (!closed) listener.onError(networkError("The connection was lost.", error)); },
    );
  }

  function close() {
    closed = true;
    for (const [name, handler] of handlers) source.removeEventListener(name, handler);
    source.close();
  }
  return { close, abort: close };
}

/**
 * Read with `fetch`, which can send headers and a body, and reports every byte.
 * @param {object} options
 * @param {string} options.url
 * @param {RequestInit} options.init
 * @param {typeof fetch} options.fetch
 * @param {Listener} options.listener
 * @returns {Connection}
 */
export function openFetch({ url, init, fetch, listener }) {
  const controller = new AbortController();
  const { signal } = controller;
  const close = () => controller.abort();
  read().catch((error) => {
    if (signal.aborted) return;
    close(); // releases the connection if the error was on this side, for example a wrong content type
    listener.onError(networkError("The connection was lost.", error));
  });

  async function read() {
    const response = await fetch(url, { ...init, signal });
    if (signal.aborted) return;
    if (response.status === 204) return listener.onEnd(null);
    if (!response.ok) throw await errorOfResponse(response);
    const type = response.headers.get("Content-Type") ?? "";
    if (!type.startsWith("text/event-stream")) throw unexpectedType(type);
    const generationId = response.headers.get("X-Generation-ID");
    if (generationId) listener.onId(generationId);
    listener.onOpen();
    await readBody(response.body.getReader());
  }

  async function readBody(reader) {
    const decoder = new EventStreamDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      // A body that ends before the terminal event was cut off on its way, even if it ended properly.
      if (done) throw networkError("The connection ended before the answer was complete.");
      listener.onActivity(value.length);
      for (const { data, lastEventId } of decoder.push(value)) {
        deliver(data, lastEventId, listener, close);
        if (signal.aborted) return;
      }
    }
  }
  return { close, abort: close };
}

function deliver(data, lastEventId, listener, close) {
  let event;
  try {
    event = eventOf(data, lastEventId);
  } catch (error) {
    close();
    const message = "The gateway sent an event that is not a JSON object.";
    return listener.onError(new DualstreamError("upstream_protocol", message, { retryable: true, cause: error }));
  }
  // A refusal is in no log, so it is no event of the answer.
  if (event.type === "rejected" || (event.type === "error" && ["", REFUSED_POSITION].includes(lastEventId))) {
    close();
    return listener.onError(errorOf(event));
  }
  listener.onEvent(event);
}

function unexpectedType(type) {
  const message = `Expected an event stream, but the response has ${type ? `type ${type}` : "no type"}: is baseURL the address of a gateway?`;
  return new DualstreamError("upstream_protocol", message);
}
