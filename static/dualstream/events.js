/**
 * Event types and their effects, the same on every transport.
 */

import { parsePosition } from "./position.js";

/** Types of the events that end a generation; nothing follows them. */
export const TERMINAL = new Set(["complete", "interrupted", "error"]);

/** Event names used over SSE. `chunk` has no name, so that `onmessage` receives the text. */
export const NAMED = [
  "accepted", "queued", "start", "retry", "reasoning", "tool_call", "part", "feedback", "revision", "gap",
  "complete", "interrupted", "error",
];

/** The position of a final refusal (docs/reference/protocol.md, "Refusals to an EventSource"). */
export const REFUSED_POSITION = "refused";

/** The effect of each event on the public fields of an answer. */
export const APPLY = {
  queued: (answer, { position, eta_ms: etaMs }) => { answer.queue = { position, etaMs }; },
  start: (answer, { revision }) => { answer.revision = revision ?? answer.revision; },
  chunk: (answer, { content }) => { answer.text += content; },
  reasoning: (answer, { content, signature, format }) => {
    answer.reasoning += content;
    answer.reasoningDetails = addReasoning(answer.reasoningDetails, content, signature === undefined ? {} : { signature, format });
  },
  tool_call: (answer, delta) => { answer.toolCalls = addToolCall(answer.toolCalls, delta); },
  part: (answer, { type, generation_id: id, seq, ...part }) => {
    answer.parts = [...answer.parts, part];
    if (part.kind !== "redacted_reasoning") return;
    const { kind, ...fields } = part;
    answer.reasoningDetails = [...answer.reasoningDetails, { type: "reasoning.encrypted", ...fields }];
  },
  revision: (answer, { revision }) => {
    Object.assign(answer, { revision, text: "", reasoning: "", reasoningDetails: [], toolCalls: [], parts: [] });
  },
  gap: (answer, { text }) => { answer.text = text; },
  complete: (answer, event) => { answer.terminal = event; },
  interrupted: (answer, event) => { answer.terminal = event; },
  error: (answer, event) => { answer.terminal = event; },
};

/** Add reasoning to the details, in OpenRouter's form: a signature ends a block of text, and belongs to it. */
function addReasoning(details, content, signed) {
  const last = details.at(-1);
  if (last?.type !== "reasoning.text" || last.signature !== undefined) return [...details, { type: "reasoning.text", text: content, ...signed }];
  return [...details.slice(0, -1), { ...last, text: last.text + content, ...signed }];
}

/** Join a delta with its call. The first id and name of a call stand. */
function addToolCall(calls, { index, id, name, arguments: piece, signature }) {
  const call = calls.find((known) => known.index === index) ?? { index, id: null, name: null, arguments: "" };
  const joined = { ...call, id: call.id || id, name: call.name || name, arguments: call.arguments + piece, ...(signature && { signature }) };
  return [...calls.filter((known) => known !== call), joined].sort((a, b) => a.index - b.index);
}

/** The state after each event; other events do not change it. */
export const STATE_AFTER = {
  accepted: "waiting", queued: "queued", start: "waiting", retry: "waiting", revision: "waiting",
  chunk: "streaming", reasoning: "streaming", tool_call: "streaming", part: "streaming", gap: "streaming",
};

/**
 * Build the event of an SSE message. It equals the object that a WebSocket would have received.
 * @param {string} data the message's JSON
 * @param {string} lastEventId its position
 * @returns {{type: string, generation_id?: string, seq?: number}}
 * @throws {SyntaxError} if the data is not the JSON of an event
 */
export function eventOf(data, lastEventId) {
  const event = JSON.parse(data);
  if (typeof event?.type !== "string") throw new SyntaxError("not an event: it has no type");
  return { ...event, ...parsePosition(lastEventId) };
}
