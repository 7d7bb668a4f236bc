/**
 * What a frame consists of: the text for people, the event around it, and the framing of the transport. Pure.
 */

import { utf8Length } from "./wire-size.js";

/**
 * @typedef {object} FrameParts
 * @property {string|null} type the event's type; null if the frame is no event (an acknowledgement, a heartbeat)
 * @property {number} text bytes of text, reasoning or a tool call's arguments in UTF-8
 * @property {number} event bytes of the event's JSON and position, without the text
 * @property {number} framing bytes that the transport adds
 */

/**
 * Return the parts of each event in a received frame; the response to a long poll has many.
 * @param {import("./wire-log.js").WireEntry} entry
 * @returns {FrameParts[]}
 */
export function frameParts({ carrier, bytes, text }) {
  const { json, position } = carrier === "websocket" || text.startsWith("{") ? { json: text, position: "" } : eventStreamFields(text);
  const value = parseObject(json);
  if (Array.isArray(value?.events)) return pollParts(value.events, bytes);
  if (typeof value?.type !== "string" || NO_EVENTS.has(value.type)) return [{ type: null, text: 0, event: 0, framing: bytes }];
  const content = contentLength(value);
  const inner = utf8Length(json) + utf8Length(position);
  return [{ type: value.type, text: content, event: inner - content, framing: bytes - inner }];
}

/** Return the parts of a poll's events. What stands around them is framing, which each event bears a share of. */
function pollParts(events, bytes) {
  const lengths = events.map((event) => utf8Length(JSON.stringify(event)));
  const framing = (bytes - lengths.reduce((sum, length) => sum + length, 0)) / events.length;
  return events.map((event, index) => (
    { type: event.type, text: contentLength(event), event: lengths[index] - contentLength(event), framing }));
}

const NO_EVENTS = new Set(["ack", "rejected", "pong"]);

const contentLength = (event) => utf8Length(event.content ?? event.arguments ?? "");

/** Return the data and the id of a frame of text/event-stream. */
function eventStreamFields(text) {
  const fields = { json: "", position: "" };
  for (const line of text.split("\n")) {
    if (line.startsWith("data: ")) fields.json = line.slice(6);
    else if (line.startsWith("id: ")) fields.position = line.slice(4);
  }
  return fields;
}

function parseObject(json) {
  if (!json.startsWith("{")) return null;
  try {
    return JSON.parse(json);
  } catch {
    return null; // a part of a JSON body, cut at an empty line
  }
}
