/**
 * The transports that a pane can use, as the page names them.
 */

import { Dualstream } from "../dualstream.js";

/**
 * @typedef {object} TransportInfo
 * @property {string} title heading of a pane that uses it
 * @property {string} name short name, for buttons and sentences
 * @property {string} summary one sentence on how it works
 */

/** @type {Readonly<Record<string, TransportInfo>>} */
export const TRANSPORTS = Object.freeze({
  sse: { title: "Server-Sent Events", name: "SSE", summary: "One HTTP response that stays open. The browser reconnects by itself; a stop is a request of its own." },
  websocket: { title: "WebSocket", name: "WebSocket", summary: "One connection in both directions. A stop travels on the connection that carries the text." },
  poll: { title: "Long polling", name: "Long poll", summary: "One request for each batch of events. It passes where nothing else does." },
});

/**
 * Return the transport as the page shows it: `fetch` is SSE, too.
 * @param {string} transport
 * @returns {string}
 */
export const shownTransport = (transport) => (transport === "fetch" ? "sse" : transport);

/** @returns {string[]} the transports that this version of the client has */
export function availableTransports() {
  return Object.keys(TRANSPORTS).filter(isKnown);
}

function isKnown(transport) {
  try {
    new Dualstream({ transport });
    return true;
  } catch {
    return false;
  }
}
