/** The texts of the demo page. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { adviceMessage, backMessage, failureMessage, formatDuration, formatMillis, queueMessage, stateMessage } from "../../../static/demo/messages.js";

const message = (answer, run = {}) => stateMessage({ text: "", retrying: null, ...answer }, { upstreamRetry: null, tookMs: 4200, ...run });

test("positions in the queue", () => {
  assert.equal(queueMessage({ position: 3, etaMs: 4200 }), "You are 3rd in the queue, about 4 s.");
  assert.equal(queueMessage({ position: 1, etaMs: 300 }), "You are next in the queue, about 1 s.");
  assert.equal(queueMessage({ position: 112, etaMs: null }), "You are 112th in the queue.");
  assert.equal(queueMessage({ position: 22, etaMs: 180_000 }), "You are 22nd in the queue, about 3 min.");
});

test("times", () => {
  assert.deepEqual([20, 950, 1549, 12_400, 240_000].map(formatDuration), ["0.1 s", "1 s", "1.5 s", "12 s", "4 min"]);
  assert.deepEqual([0.84, 312.4, 1520, null].map(formatMillis), ["0.8 ms", "312 ms", "1.52 s", "–"]);
});

test("states", () => {
  assert.equal(message({ state: "connecting" }), "Connecting…");
  const retrying = { error: { code: "queue_full" }, delayMs: 3000, attempt: 1 };
  assert.equal(message({ state: "connecting", retrying }), "The queue is full. Trying again in 3 s (attempt 2).");
  assert.equal(message({ state: "waiting" }, { upstreamRetry: { code: "server_error", delay_ms: 900, attempt: 1 } }), "The model’s server has a problem. Calling the model again in 0.9 s (attempt 2).");
  assert.equal(message({ state: "streaming" }), "Thinking…");
  assert.equal(message({ state: "offline", position: "g_1:57" }), "Offline after event 57. Reconnecting…");
  assert.equal(message({ state: "complete" }), "Done in 4.2 s.");
  assert.equal(message({ state: "interrupted", terminal: { by: "disconnect" } }), "Stopped, because no viewer was connected.");
  assert.equal(message({ state: "error", error: { code: "truncated" } }), "The model’s answer was cut off.");
});

test("an unknown code has a message", () => {
  assert.equal(failureMessage("brand_new"), "Something went wrong.");
});

test("advice after an error", () => {
  assert.equal(adviceMessage({ retryable: true, retryAfterMs: 2000 }), "You can run it again in 2 s.");
  assert.equal(adviceMessage({ retryable: true }, true), "You can run it again. The text so far is kept.");
  assert.equal(adviceMessage({ retryable: false }), "");
  assert.equal(adviceMessage({ code: "generation_lost", retryable: false }), "You can run it again.");
});

test("the end of an absence is not praised if the answer stopped", () => {
  assert.equal(backMessage(1500, 12, "streaming"), "Back after 1.5 s: 12 characters recovered.");
  assert.equal(backMessage(1500, 0, "streaming"), "Back after 1.5 s: nothing was missed.");
  assert.equal(backMessage(1500, 0, "complete"), "Back after 1.5 s: nothing was missed.");
  for (const state of ["error", "interrupted"]) assert.equal(backMessage(1500, 0, state), "Back after 1.5 s: the answer had stopped meanwhile.");
});
