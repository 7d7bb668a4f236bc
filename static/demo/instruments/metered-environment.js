/**
 * What a `Dualstream` client uses of the browser, metered: pass it as its `environment`.
 */

import { meteredEventSource } from "./metered-event-source.js";
import { meteredFetch } from "./metered-fetch.js";
import { meteredWebSocket } from "./metered-web-socket.js";

/**
 * Build the environment; what a browser lacks is left out.
 * @param {import("./wire-log.js").WireLog} log
 * @param {{fetch: typeof fetch, EventSource?: typeof EventSource, WebSocket?: typeof WebSocket}} [browser]
 * @returns {object}
 */
export function meteredEnvironment(log, browser = globalThis) {
  const { EventSource, WebSocket } = browser;
  return {
    fetch: meteredFetch(log, (...args) => browser.fetch(...args)),
    ...(EventSource && { EventSource: meteredEventSource(log, EventSource) }),
    ...(WebSocket && { WebSocket: meteredWebSocket(log, WebSocket) }),
  };
}
