/**
 * The measurement of one answer: what the transport cost, from the wire, the events and what the user did. Pure: times are
 * passed in, in milliseconds on the clock of `performance.now()`.
 */

import { frameParts } from "./frame-parts.js";
import { Gaps } from "./gaps.js";
import { handshakeOf } from "./handshake.js";
import { quantile } from "./quantiles.js";
import { ABORTED } from "./wire-log.js";
import { chunkFramingLength } from "./wire-size.js";

const CONTENT = new Set(["chunk", "reasoning", "tool_call", "part"]);
const TERMINAL = new Set(["complete", "interrupted", "error"]);

/**
 * @typedef {object} Reconnect
 * @property {number} offlineMs from the break to the new request
 * @property {number} ms from the new request to the next event
 */

/** Collects what happens to one answer; `figures` can be read at any time. */
export class Measurement {
  transport;
  model;
  #startedAt;
  #wire = /** @type {import("./wire-log.js").WireEntry[]} */ ([]);
  #connections = /** @type {Set<number>} */ (new Set());
  #polls = /** @type {Set<number>} */ (new Set());
  #firstEventAt = /** @type {number|null} */ (null);
  #firstTokenAt = /** @type {number|null} */ (null);
  #gaps = new Gaps();
  #bytes = { in: 0, out: 0, text: 0, event: 0, framing: 0, chunkFraming: 0 };
  #textEvents = 0;
  #opened = false;
  #chars = 0;
  #break = /** @type {{at: number, dialledAt: number|null}|null} */ (null);
  #reconnects = /** @type {Reconnect[]} */ ([]);
  #stop = /** @type {{at: number, chars: number}|null} */ (null);
  #terminal = /** @type {object|null} */ (null);
  #endedAt = /** @type {number|null} */ (null);
  #intact = /** @type {boolean|null} */ (null);

  /** @param {{transport: string, model: string, startedAt: number}} run */
  constructor({ transport, model, startedAt }) {
    this.transport = transport;
    this.model = model;
    this.#startedAt = startedAt;
  }

  /** Record an entry of the wire. @param {import("./wire-log.js").WireEntry} entry */
  onWire(entry) {
    if (entry.kind === "request" && this.#terminal === null) this.#addConnection(entry);
    if (entry.kind === "request" && this.#firstEventAt === null) this.#opened = true;
    if (entry.kind === "open" && this.#polls.has(entry.connection)) this.#addPollHead(entry.head ?? 0);
    if (!this.#isOwn(entry)) return;
    if (this.#firstEventAt === null) this.#wire.push(entry); // only the handshake needs single entries later
    if (entry.kind === "lost" && entry.text !== ABORTED && this.#firstEventAt !== null) this.onBreak(entry.at);
    if (entry.kind === "request" && this.#break !== null && opensStream(entry)) this.#break.dialledAt ??= entry.at;
    this.#bytes[entry.direction] += entry.bytes;
    if (entry.kind !== "frame" || entry.direction === "out") return;
    // Only of text: over SSE other events have a line more, so that the mix would decide.
    for (const parts of frameParts(entry)) if (parts.type === "chunk") this.#addParts(parts, entry);
  }

  /** Record an event. @param {object} event @param {number} now */
  onEvent(event, now) {
    this.#firstEventAt ??= now;
    if (event.type === "accepted") this.model = event.model ?? this.model;
    this.#endBreak(now);
    if (event.type === "revision") this.#startRevision();
    if (CONTENT.has(event.type)) this.#addContent(event, now);
    if (!TERMINAL.has(event.type)) return;
    this.#terminal = event;
    this.#endedAt = now;
  }

  /** Record that the connection was broken, by the user or by the network. */
  onBreak(now) {
    if (this.#terminal !== null) return;
    this.#break ??= { at: now, dialledAt: null };
  }

  /** @returns {number|null} milliseconds since the request that resumes the stream; null if the connection is not broken */
  sinceRequest(now) {
    return this.#break?.dialledAt == null ? null : now - this.#break.dialledAt;
  }

  /** Record the click on the stop button. */
  onStop(now) {
    this.#stop ??= { at: now, chars: this.#chars };
  }

  /** Record the comparison of the text shown with the gateway's own. @param {boolean} intact */
  onCheck(intact) {
    this.#intact = intact;
  }

  /** True after the terminal event. */
  get hasEnded() {
    return this.#terminal !== null;
  }

  /** True if the connection was broken and came back. */
  get hasReconnected() {
    return this.#reconnects.length > 0;
  }

  /**
   * Return all figures so far; null is not known. `opened`: false if a socket that was open already carried the answer.
   * `nextMs` and `nextHandshake` are those of the next answer of the same client, if it was measured with this one.
   */
  get figures() {
    const { values: gaps } = this.#gaps;
    const since = (at) => (at === null ? null : at - this.#startedAt);
    const ttftMs = since(this.#firstTokenAt);
    const gatewayTtftMs = this.#terminal?.metrics?.ttft_ms ?? null;
    const stopped = this.#stop !== null && this.#terminal?.type === "interrupted";
    const tokens = this.#terminal?.usage?.output_tokens ?? null;
    const { in: bytesIn, out: bytesOut, text, event, framing, chunkFraming } = this.#bytes;
    const frames = this.#textEvents;
    return {
      transport: this.transport,
      model: this.model,
      handshakeMs: since(this.#firstEventAt),
      opened: this.#opened,
      nextMs: null,
      nextHandshake: null,
      handshake: this.#firstEventAt === null ? null : handshakeOf(this.#wire, { startedAt: this.#startedAt, firstEventAt: this.#firstEventAt }),
      ttftMs,
      gatewayTtftMs,
      addedTtftMs: ttftMs === null || gatewayTtftMs === null ? null : ttftMs - gatewayTtftMs,
      gaps,
      gapP50: quantile(gaps, 0.5),
      gapP95: quantile(gaps, 0.95),
      bytesIn,
      bytesOut,
      textEvents: frames,
      textBytes: text,
      perEvent: frames === 0 ? null : { text: text / frames, event: event / frames, framing: framing / frames },
      overheadPerEvent: frames === 0 ? null : (event + framing) / frames,
      chunkFraming,
      overheadShare: frames === 0 ? null : (event + framing) / (text + event + framing),
      tokens,
      bytesPerToken: tokens ? bytesIn / tokens : null,
      reconnects: this.#reconnects,
      reconnectMs: this.#reconnects.at(-1)?.ms ?? null,
      offlineMs: this.#reconnects.at(-1)?.offlineMs ?? null,
      intact: this.#intact,
      stopMs: stopped ? this.#endedAt - this.#stop.at : null,
      charsAfterStop: stopped ? this.#chars - this.#stop.chars : null,
      cancelMs: this.#terminal?.type === "interrupted" ? this.#terminal.cancel_ms ?? null : null,
      totalMs: since(this.#endedAt),
    };
  }

  /**
   * True if the entry is of this answer. A socket may have been opened for an earlier answer, and carries the next one after
   * the end; of requests, those of this answer count, also what the browser tells about them after the end.
   */
  #isOwn({ connection, carrier }) {
    return carrier === "websocket" ? this.#terminal === null : this.#connections.has(connection);
  }

  #addConnection({ connection, text }) {
    this.#connections.add(connection);
    if (/\/poll\b/.test(text)) this.#polls.add(connection);
  }

  /** A stream has one head; polls have one for each batch of text, so that it is part of what the text costs. */
  #addPollHead(bytes) {
    this.#bytes.in += bytes;
    this.#bytes.framing += bytes;
  }

  #addParts(parts, { carrier, bytes }) {
    this.#textEvents += 1;
    for (const name of ["text", "event", "framing"]) this.#bytes[name] += parts[name];
    if (carrier !== "websocket" && !this.#polls.size) this.#bytes.chunkFraming += chunkFramingLength(bytes);
  }

  #addContent(event, now) {
    if (event.type === "reasoning" && event.content === "") return; // only a signature
    this.#firstTokenAt ??= now;
    this.#gaps.add(now);
    this.#chars += (event.content ?? event.arguments ?? "").length;
  }

  #startRevision() {
    this.#gaps.skip();
    this.#chars = 0;
    if (this.#stop !== null) this.#stop.chars = 0;
  }

  /** End an absence: the first event after it is the measure, because it proves that the stream goes on. */
  #endBreak(now) {
    if (this.#break?.dialledAt == null) return;
    this.#reconnects.push({ offlineMs: this.#break.dialledAt - this.#break.at, ms: now - this.#break.dialledAt });
    this.#break = null;
    this.#gaps.resume(now);
  }
}

/** True if the request opens a stream; others are commands. */
function opensStream({ carrier, text }) {
  return carrier !== "http" || /\/events\b|\/poll\b|\/chat\/stream\b/.test(text);
}

/** @typedef {Measurement["figures"]} Figures */

/**
 * Compare the text that was received with the gateway's own.
 * @param {string} received
 * @param {string} stored
 * @returns {{intact: boolean, characters: number, message: string}}
 */
export function compareTexts(received, stored) {
  const characters = stored.length;
  if (received === stored) return { intact: true, characters, message: `All ${characters.toLocaleString("en")} characters are here, none twice.` };
  let same = 0;
  while (same < received.length && received[same] === stored[same]) same += 1;
  const message = `The text differs from the gateway’s after character ${same.toLocaleString("en")}: ${received.length.toLocaleString("en")} here, ${characters.toLocaleString("en")} there.`;
  return { intact: false, characters, message };
}
