/**
 * Positions and the events they belong to, the same for every transport.
 */

/** The events that end a generation; nothing follows them. */
export const TERMINAL = new Set(["complete", "interrupted", "error"]);

/** Events that the gateway may merge with their neighbours for a viewer that is behind: their numbers may jump. */
export const MERGEABLE = new Set(["chunk", "reasoning", "tool_call"]);

/** The names that SSE gives its events (`chunk` has none, so that `onmessage` gets the text). */
export const NAMED = [
  "accepted", "queued", "start", "retry", "reasoning", "tool_call", "feedback", "revision", "gap",
  "complete", "interrupted", "error",
];

/**
 * Read a position, `<generation_id>:<seq>`.
 * @param {string} position
 * @returns {{generation_id: string, seq: number}|null} null when it is none
 */
export function parsePosition(position) {
  const found = /^(.+):(\d{1,15})$/.exec(position);
  return found && { generation_id: found[1], seq: Number(found[2]) };
}

/**
 * Make the event of an SSE message; it is then the very object that a WebSocket would have brought.
 * @param {string} data the message's JSON
 * @param {string} lastEventId its position
 * @returns {{type: string, generation_id?: string, seq?: number}}
 * @throws {SyntaxError} when the data is not the JSON of an event
 */
export function eventOf(data, lastEventId) {
  const event = JSON.parse(data);
  if (typeof event?.type !== "string") throw new SyntaxError("not an event: it has no type");
  return { ...event, ...parsePosition(lastEventId) };
}
