/**
 * The measures of the comparison: what each is, how it is read from a run, and when it matters. Pure.
 */

import { UNKNOWN, bytes, milliseconds, number } from "../../common/units.js";

/** @typedef {import("./measurement.js").Figures} Figures */

/**
 * @typedef {object} Measure
 * @property {string} id
 * @property {string} title
 * @property {"strips"|"steps"|"bytes"|"gaps"} chart
 * @property {(figures: Figures) => number|null} value null if the run has not measured it
 * @property {(value: number|null) => string} format
 * @property {string} caption what one sees and when it matters, in one or two sentences
 * @property {string} ahead what the better transport does, before the difference
 * @property {string} missing what to do to measure it
 * @property {number} noise a smaller difference says nothing, in the measure's unit
 * @property {string} method how it is measured
 * @property {[label: string, read: (figures: Figures) => string][]} [more] further figures of the newest run
 */

/** Return the handshake of an answer that is not the client's first one. @param {Figures} figures */
function nextMs({ nextMs: measured, transport, opened, handshakeMs }) {
  if (measured !== null) return measured;
  return transport !== "websocket" || !opened ? handshakeMs : null;
}

/** @type {readonly Measure[]} */
export const MEASURES = [
  {
    id: "stop",
    title: "Stop",
    chart: "strips",
    value: ({ stopMs }) => stopMs,
    format: milliseconds,
    caption: "From your click until the last event is here. It matters for every answer that is longer, or worse, than a reader wants.",
    ahead: "is faster here, by",
    missing: "Press Stop while text streams.",
    noise: 30,
    method: "From the click to the “interrupted” event, by this page’s clock. The gateway adds “cancel_ms”: from the command until its connection to the model is closed.",
    more: [
      ["The model’s connection closed", ({ cancelMs }) => milliseconds(cancelMs)],
      ["Characters after the click", ({ charsAfterStop }) => number(charsAfterStop)],
    ],
  },
  {
    id: "handshake",
    title: "Handshake",
    chart: "steps",
    value: ({ opened, handshakeMs }) => (opened ? handshakeMs : null),
    format: milliseconds,
    caption: "From the start of a first answer until its first event. It grows with the distance to the server, by each round trip.",
    ahead: "is faster here, by",
    missing: "Run a prompt.",
    noise: 15,
    method: "From the start to the “accepted” event. EventSource can’t send a body: a POST starts the answer, then the stream is opened. A WebSocket opens once; when it is kept, the next answer only sends “start”.",
    more: [
      ["Requests", ({ handshake }) => number(handshake?.requests)],
      ["Round trips", ({ handshake }) => number(handshake?.roundTrips)],
      ["Sent by the page", ({ handshake }) => bytes(handshake?.sent)],
      ["Heads of the responses", ({ handshake }) => (handshake?.heads == null ? "hidden from scripts" : bytes(handshake.heads))],
    ],
  },
  {
    id: "next",
    title: "Next answer",
    chart: "steps",
    value: nextMs,
    format: milliseconds,
    caption: "The same for the next answer. A WebSocket that stayed open only sends a message; over SSE the requests come again.",
    ahead: "is faster here, by",
    missing: "Send a second prompt.",
    noise: 15,
    method: "Over HTTP each answer is a next one. Over WebSocket those count that found the socket open. The measurement starts a second answer at once, and stops it at its first event.",
  },
  {
    id: "first-token",
    title: "First token",
    chart: "strips",
    value: ({ ttftMs }) => ttftMs,
    format: milliseconds,
    caption: "From the start until the first piece of the answer. Most of it is the model’s own time; the transport adds the rest.",
    ahead: "is faster here, by",
    missing: "Run a prompt.",
    noise: 25,
    method: "From the start to the first text, reasoning or tool call. The gateway reports its own time to first token (“ttft_ms”); the difference is what transport and page added.",
    more: [
      ["The gateway’s own", ({ gatewayTtftMs }) => milliseconds(gatewayTtftMs)],
      ["Added by transport and page", ({ addedTtftMs }) => milliseconds(addedTtftMs)],
    ],
  },
  {
    id: "gaps",
    title: "Gap between tokens",
    chart: "gaps",
    value: ({ gapP95 }) => gapP95,
    format: milliseconds,
    caption: "Between two pieces of text: 95 % are shorter (p95). A narrow hill is smooth text; a long tail is text that stutters.",
    ahead: "is smoother here, by",
    missing: "Run a prompt.",
    noise: 20,
    method: "Between two events with content, by this page’s clock. Gaps over an absence, a revision and the text caught up after them are left out. p50 and p95 are nearest ranks.",
    more: [
      ["p50", ({ gapP50 }) => milliseconds(gapP50)],
      ["Events with text", ({ textEvents }) => number(textEvents)],
    ],
  },
  {
    id: "bytes",
    title: "Overhead for each event",
    chart: "bytes",
    value: ({ overheadPerEvent }) => overheadPerEvent,
    format: bytes,
    caption: "What a piece of text costs on the wire beside itself: its event, and the transport’s framing. It matters for metered data and many readers.",
    ahead: "sends less for each event:",
    missing: "Run a prompt.",
    noise: 3,
    method: "Of events with text. SSE: the bytes of the body, counted by fetch, or for EventSource computed from each message and completed by Resource Timing. WebSocket: payload plus frame header by RFC 6455, 5.2. Long poll: with the head of each response. One socket carries many answers, so over WebSocket each event names its own. Below that, HTTP/1.1 chunks, HTTP/2 frames, TLS and TCP are invisible to a page.",
    more: [
      ["Text in each event", ({ perEvent }) => bytes(perEvent?.text)],
      ["Share that is not text", ({ overheadShare }) => (overheadShare === null ? UNKNOWN : `${Math.round(overheadShare * 100)} %`)],
      ["HTTP/1.1 chunks, not visible, at most", ({ chunkFraming }) => bytes(chunkFraming)],
    ],
  },
  {
    id: "token-bytes",
    title: "Bytes for each token",
    chart: "strips",
    // After a break, missed text comes in few large events. The runs of the measurement all have one; others are left out.
    value: ({ bytesPerToken, reconnects, nextMs: measured }) => (reconnects.length === 0 || measured !== null ? bytesPerToken : null),
    format: bytes,
    caption: "Everything that was received for an answer, divided by its tokens. Pieces of text are often shorter than a token.",
    ahead: "sends less for each token:",
    missing: "Run a prompt.",
    noise: 10,
    method: "All bodies and frames of the answer, its first and last events included, divided by “output_tokens” of its last event. With the simulator, tokens are an estimate: one for four bytes.",
    more: [
      ["Received", ({ bytesIn }) => bytes(bytesIn)],
      ["Sent", ({ bytesOut }) => bytes(bytesOut)],
      ["Tokens", ({ tokens }) => number(tokens)],
    ],
  },
  {
    id: "reconnect",
    title: "Reconnect",
    chart: "strips",
    value: ({ reconnectMs }) => reconnectMs,
    format: milliseconds,
    caption: "From the new connection until the text goes on, at the exact place. It matters on trains, in lifts and when a laptop wakes up.",
    ahead: "is faster here, by",
    missing: "Break the connection while text streams.",
    noise: 20,
    method: "From the new request or socket to the next event. How long the page chose to stay offline is not counted. Afterwards the text is compared with the gateway’s own, character by character.",
    more: [
      ["Offline before", ({ offlineMs }) => milliseconds(offlineMs)],
      ["Text compared", ({ intact }) => (intact === null ? UNKNOWN : intact ? "complete" : "differs")],
    ],
  },
];
