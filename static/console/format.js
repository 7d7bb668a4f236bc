/**
 * Figures and states as the console writes them. Pure.
 */

import { UNKNOWN } from "../common/units.js";

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/**
 * Format an age: "0.4 s", "12 s", "3 min 05 s", "2 h 10 min", "3 d 4 h".
 * @param {number} seconds
 */
export function age(seconds) {
  if (!(seconds >= 0)) return "0 s";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${String(minutes % 60).padStart(2, "0")} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Format US dollars; small sums with more digits. @param {number|null|undefined} usd */
export function dollars(usd) {
  if (usd === null || usd === undefined) return UNKNOWN;
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "<$0.0001";
  return `$${usd.toFixed(usd < 0.1 ? 4 : 2)}`;
}

/** Format a count briefly: "950", "12.4K". @param {number|null|undefined} value */
export function compact(value) {
  return value === null || value === undefined ? UNKNOWN : COMPACT.format(value);
}

/** Format a speed in tokens per second. @param {number} perSecond */
export function speed(perSecond) {
  return perSecond < 0.05 ? "0" : perSecond < 9.95 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

/** Return the time of day of a moment. @param {number} unix seconds since 1970 */
export function clockTime(unix, withSeconds = true) {
  const options = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return new Date(unix * 1000).toLocaleTimeString("en", withSeconds ? { ...options, second: "2-digit" } : options);
}

const STATES = {
  queued: "Queued", connecting: "Connecting", waiting: "Waiting", streaming: "Streaming", revising: "Revising", stopping: "Stopping",
  complete: "Complete", interrupted: "Interrupted", error: "Failed",
};

/** Return the name of a state. @param {string} state */
export const stateName = (state) => STATES[state] ?? state;

const TRANSPORTS = { sse: "SSE", websocket: "WebSocket", poll: "Long poll", "long_poll": "Long poll", text: "Text" };

/** Return the name of a transport. @param {string} transport */
export const transportName = (transport) => TRANSPORTS[transport] ?? (transport || "HTTP");

/**
 * Return the viewers of a row: "2 SSE, 1 WebSocket"; "none".
 * @param {Record<string, number>} viewers
 */
export function viewersText(viewers) {
  const parts = Object.entries(viewers).map(([transport, count]) => `${count} ${transportName(transport)}`);
  return parts.join(", ") || "none";
}

/** Return the name of a principal without its kind, if that is a key's. @param {string} principal */
export function principalName(principal) {
  return principal.replace(/^key:/, "");
}

const ENDED = { answered: "answered", lost: "lost the race", cancelled: "cancelled", "": "runs" };

/** Return how an attempt ended, for people. @param {string} ended */
export const attemptEnd = (ended) => ENDED[ended] ?? ended;

/** Return what an end is filtered by: the code of an error, else its kind. @param {{end: string, code: string|null}} summary */
export const endCode = ({ end, code }) => (end === "error" ? code ?? "error" : end);
