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
 * Return the parts of a received frame.
 * @param {import("./wire-log.js").WireEntry} entry
 * @returns {FrameParts}
 */
export function frameParts({ carrier, bytes, text }) {
  const { json, position } = carrier === "websocket" ? { json: text, position: "" } : eventStreamFields(text);
  const event = parseObject(json);
  if (typeof event?.type !== "string" || ["ack", "rejected", "pong"].includes(event.type)) {
    return { type: null, text: 0, event: 0, framing: bytes };
  }
  const content = utf8Length(event.content ?? event.arguments ?? "");
  const inner = utf8Length(json) + utf8Length(position);
  return { type: event.type, text: content, event: inner - content, framing: bytes - inner };
}

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
