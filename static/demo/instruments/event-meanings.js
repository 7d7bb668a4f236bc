/**
 * What each event of the protocol means, for a person who sees it for the first time (docs/reference/protocol.md). Pure.
 */

import { counted, milliseconds } from "../../common/units.js";

const ENDED_BY = {
  client: "the user pressed stop",
  feedback: "feedback asked for it",
  disconnect: "the last reader had left",
  limit: "a limit was reached",
  shutdown: "the gateway is shutting down",
};

/** One sentence for each type. */
export const MEANINGS = {
  accepted: "The gateway took the request and numbered this event 1. From here on a reader can resume, even before the model was called.",
  queued: "All slots are busy; the answer waits in a fair queue. A stop works here, too.",
  start: "A model accepted the call and prepares its answer.",
  retry: "An upstream call failed; the gateway waits and calls again, or calls another model.",
  chunk: "Pieces of the answer’s text, each an event with its own number.",
  reasoning: "Pieces of the model’s thinking, before the answer.",
  tool_call: "The model asks for a function to be called; its arguments arrive in pieces.",
  part: "A piece that is not text: an image, a file, a citation.",
  feedback: "Feedback was taken and stored with the answer.",
  revision: "The text so far is replaced: the running call was closed at once, and a new text begins in the same answer.",
  gap: "The asked position is no longer stored; this event holds the whole text so far.",
  complete: "The end. Exactly one such event ends an answer; nothing follows it, and each reader gets the same.",
  interrupted: "The end, by a stop. No text comes after it, and the connection to the model was closed, not drained.",
  error: "The end, by a failure. The code says what happened and whether to try again.",
};

/** One sentence for what this page does or sees; these are no events of the protocol. */
export const PAGE_MEANINGS = {
  started: "You sent the prompt on this transport.",
  broken: "The connection was broken under the answer. The model goes on: the gateway keeps reading for a reader that comes back.",
  resumed: "Connected again with the number of the last event. The gateway sends exactly what was missed.",
  checked: "After the end, the page read the gateway’s own text and compared it with what was received here.",
  moved: "The answer goes on over the other transport, from the same number. Positions mean the same on both.",
  stop: "You pressed stop. The clock of the big figure runs from here.",
};

/**
 * Return the details of an event in a few words; "" if there are none.
 * @param {object} event
 * @returns {string}
 */
export function eventDetail(event) {
  switch (event.type) {
    case "accepted": return event.model ?? "";
    case "queued": return joined(event.position != null && `place ${event.position}`, event.eta_ms != null && `about ${milliseconds(event.eta_ms)}`);
    case "start": return joined(event.provider, event.upstream_model?.split("?", 1)[0], event.attempt > 1 && `attempt ${event.attempt}`);
    case "retry": return joined(event.provider, event.code, event.delay_ms != null && `again in ${milliseconds(event.delay_ms)}`);
    case "part": return event.kind ?? "";
    case "feedback": return [event.mode, event.text].filter(Boolean).join(": ");
    case "revision": return joined(event.revision != null && `text ${event.revision}`, event.reason, event.cancel_ms != null && `closed in ${milliseconds(event.cancel_ms)}`);
    case "gap": return event.to == null ? "" : `events ${event.from} to ${event.to}`;
    case "complete": return joined(event.finish_reason, usageOf(event));
    case "interrupted": return joined(ENDED_BY[event.by] ?? event.by, event.cancel_ms != null && `model’s connection closed in ${milliseconds(event.cancel_ms)}`);
    case "error": return [event.code, event.message].filter(Boolean).join(": ");
    default: return "";
  }
}

const joined = (...parts) => parts.filter(Boolean).join(", ");

const usageOf = ({ usage }) => (usage?.output_tokens == null ? "" : `${usage.source === "estimated" ? "about " : ""}${counted(usage.output_tokens, "token")}`);
