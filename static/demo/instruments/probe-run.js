/**
 * One measuring run without a pane: start an answer, break its connection, let it resume, stop it.
 */

import { Measurement, compareTexts } from "./measurement.js";
import { WireLog } from "./wire-log.js";
import { meteredEnvironment } from "./metered-environment.js";

const BREAK_AFTER = 12; // events with content
const STOP_AFTER = 40;
const OFFLINE_MS = 300; // long enough that text waits, so that the reconnect is measured and not the model's pace
const LATE_MS = 400; // Resource Timing comes this much later than the end of a stream
const CONTENT = new Set(["chunk", "reasoning", "tool_call"]);

/**
 * Measure one answer.
 * @param {object} options
 * @param {string} options.transport
 * @param {{prompt: string, model?: string}} options.request
 * @param {(options: object) => import("../../dualstream.js").Dualstream} options.createClient
 * @param {AbortSignal} options.signal
 * @returns {Promise<import("./measurement.js").Figures>} rejects with a DualstreamError, or with the signal's reason
 */
export async function probe({ transport, request, createClient, signal }) {
  const now = () => performance.now();
  const log = new WireLog(now);
  const client = createClient({ transport, keepOpen: true, environment: meteredEnvironment(log) });
  const measurement = new Measurement({ transport, model: request.model ?? "", startedAt: now() });
  log.onEntry = (entry) => measurement.onWire(entry);
  let contents = 0;
  const onEvent = (event, answer) => {
    measurement.onEvent(event, now());
    if (!CONTENT.has(event.type)) return;
    contents += 1;
    if (contents === BREAK_AFTER) {
      measurement.onBreak(now());
      answer.drop(OFFLINE_MS);
    } else if (contents === STOP_AFTER) {
      measurement.onStop(now());
      answer.interrupt("measured").catch(() => {}); // then it ends by itself, and only the stop is not measured
    }
  };
  try {
    const answer = client.start(request, { onEvent, signal });
    await answer.finished;
    await new Promise((resolve) => { setTimeout(resolve, LATE_MS); });
    const { text } = await createClient({}).snapshot(answer.id);
    measurement.onCheck(compareTexts(answer.text, text).intact);
    const next = await probeNext({ client, log, transport, request, signal });
    return { ...measurement.figures, nextMs: next.handshakeMs, nextHandshake: next.handshake };
  } finally {
    client.close();
  }
}

/** Measure the handshake of the client's next answer, and stop that at its first event. */
async function probeNext({ client, log, transport, request, signal }) {
  const now = () => performance.now();
  const measurement = new Measurement({ transport, model: request.model ?? "", startedAt: now() });
  log.onEntry = (entry) => measurement.onWire(entry);
  const onEvent = (event, answer) => {
    measurement.onEvent(event, now());
    if (event.type === "accepted") answer.interrupt("measured").catch(() => {});
  };
  await client.start(request, { onEvent, signal }).finished;
  return measurement.figures;
}
