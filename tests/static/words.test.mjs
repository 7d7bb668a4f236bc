import assert from "node:assert/strict";
import { test } from "node:test";

import { failure, inLine, millis, remedy, seconds, stateInWords } from "../../static/demo-words.js";

const say = (answer, seen = {}) => stateInWords({ text: "", retrying: null, ...answer }, { upstreamRetry: null, tookMs: 4200, ...seen });

test("a place in line", () => {
  assert.equal(inLine({ position: 3, etaMs: 4200 }), "You are 3rd in line, about 4 s.");
  assert.equal(inLine({ position: 1, etaMs: 300 }), "You are next in line, about 1 s.");
  assert.equal(inLine({ position: 112, etaMs: null }), "You are 112th in line.");
  assert.equal(inLine({ position: 22, etaMs: 180_000 }), "You are 22nd in line, about 3 min.");
});

test("times", () => {
  assert.deepEqual([20, 950, 1549, 12_400, 240_000].map(seconds), ["0.1 s", "1 s", "1.5 s", "12 s", "4 min"]);
  assert.deepEqual([0.84, 312.4, 1520, null].map(millis), ["0.8 ms", "312 ms", "1.52 s", "–"]);
});

test("states", () => {
  assert.equal(say({ state: "connecting" }), "Connecting…");
  const retrying = { error: { code: "queue_full" }, delayMs: 3000, attempt: 1 };
  assert.equal(say({ state: "connecting", retrying }), "Too many people are waiting already. Trying again in 3 s (attempt 2).");
  assert.equal(say({ state: "waiting" }, { upstreamRetry: { code: "server_error", delay_ms: 900, attempt: 1 } }), "The model’s server has a problem. Asking the model again in 0.9 s (attempt 2).");
  assert.equal(say({ state: "streaming" }), "Thinking…");
  assert.equal(say({ state: "offline", position: "g_1:57" }), "Offline after event 57. Coming back…");
  assert.equal(say({ state: "complete" }), "Done in 4.2 s.");
  assert.equal(say({ state: "interrupted", terminal: { by: "disconnect" } }), "Stopped, because nobody was reading.");
  assert.equal(say({ state: "error", error: { code: "truncated" } }), "The model’s answer broke off.");
});

test("a code nobody told us about still gives a sentence", () => {
  assert.equal(failure("brand_new"), "Something went wrong.");
});

test("what can be done", () => {
  assert.equal(remedy({ retryable: true, retryAfterMs: 2000 }), "You can run it again in 2 s.");
  assert.equal(remedy({ retryable: true }, true), "You can run it again. What had come is kept.");
  assert.equal(remedy({ retryable: false }), "");
});
