/**
 * What went over the wire, as lines of text. Pure.
 */

import { milliseconds } from "../../common/units.js";

const ARROWS = { in: "◀", out: "▶" };

/**
 * Return one line for an entry: time, connection, direction, bytes, and what was sent with its line ends visible.
 * @param {import("./wire-log.js").WireEntry} entry
 * @param {number} startedAt
 * @returns {string}
 */
export function frameLine({ at, connection, kind, carrier, direction, bytes, head, text }, startedAt) {
  const time = milliseconds(Math.max(0, at - startedAt)).padStart(8);
  const size = bytes > 0 ? `${bytes} B` : head !== null ? `${head} B head` : "";
  const what = [kind === "frame" ? "" : kind, visible(text)].filter(Boolean).join(": ");
  return `${time}  #${connection} ${CARRIERS[carrier]} ${ARROWS[direction]} ${size.padStart(7)}  ${what}`;
}

const CARRIERS = { http: "http", eventsource: "sse ", websocket: "ws  " };

/** Return a text with its line ends visible, so that a frame is one line. */
export const visible = (text) => text.replaceAll("\r", "⇤").replaceAll("\n", "↵");
