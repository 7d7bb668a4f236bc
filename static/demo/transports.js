/**
 * The transports that a pane can use, as the page names them.
 */

import { Dualstream } from "../dualstream.js";

/**
 * @typedef {object} TransportInfo
 * @property {string} title heading of a pane that uses it
 * @property {string} name short name, for buttons and sentences
 * @property {string} summary one sentence on how it works
 * @property {readonly [string, string][]} facts what differs, and when to choose it
 */

/** @type {Readonly<Record<string, TransportInfo>>} */
export const TRANSPORTS = Object.freeze({
  sse: { title: "Server-Sent Events", name: "SSE", summary: "One HTTP response that stays open, and ordinary requests for the rest.", facts: [["Stop", "a request of its own"], ["After a break", "the browser reconnects by itself"], ["Proxies", "plain HTTP, passes almost everywhere"], ["Choose it if", "you show answers, and sometimes stop one"]] },
  websocket: { title: "WebSocket", name: "WebSocket", summary: "One connection in both directions, for any number of answers.", facts: [["Stop", "a message on the open connection"], ["After a break", "the client reconnects: this one does"], ["Proxies", "must let the upgrade pass"], ["Choose it if", "users talk back, or many answers run at once"]] },
  poll: { title: "Long polling", name: "Long poll", summary: "One short request for each batch of events.", facts: [["Stop", "a request of its own"], ["After a break", "nothing to reconnect"], ["Proxies", "passes where nothing else does"], ["Choose it if", "something on the way holds streams back"]] },
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
