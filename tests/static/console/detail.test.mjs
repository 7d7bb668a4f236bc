/** One answer: its text by events, its attempts on a time axis, the ends by code. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { AnswerText } from "../../../static/console/detail/answer.js";
import { attemptText, drawAttempts, partsOf } from "../../../static/console/detail/attempts.js";
import { Ends } from "../../../static/console/ends/list.js";
import { age, dollars, speed, viewersText } from "../../../static/console/format.js";

test("the text follows its events, and begins again with a revision", () => {
  const answer = new AnswerText();
  assert.equal(answer.apply({ type: "queued", position: 2 }), "all");
  assert.match(answer.note, /place 2/);
  assert.equal(answer.apply({ type: "start" }), "calls");
  assert.equal(answer.note, "");
  assert.equal(answer.apply({ type: "chunk", content: "Hel" }), "text");
  answer.apply({ type: "chunk", content: "lo" });
  assert.equal(answer.text, "Hello");
  assert.equal(answer.apply({ type: "retry", attempt: 1, code: "stalled" }), "calls");
  assert.match(answer.note, /Attempt 1 failed \(stalled\)/);
  assert.equal(answer.apply({ type: "revision", revision: 2 }), "all");
  assert.deepEqual([answer.text, answer.revision], ["", 2]);
  answer.apply({ type: "gap", text: "whole" });
  answer.apply({ type: "reasoning", content: "hm" });
  answer.apply({ type: "tool_call", name: "search" });
  assert.equal(answer.apply({ type: "tool_call" }), "");
  assert.deepEqual([answer.text, answer.reasoning, answer.tools], ["whole", 2, ["search"]]);
  assert.equal(answer.apply({ type: "complete" }), "calls");
  assert.equal(answer.end.type, "complete");
  assert.equal(answer.apply({ type: "feedback" }), "");
});

test("an attempt calls, waits and streams", () => {
  const attempt = { number: 1, provider: "openai", upstream_model: "gpt", ended: "answered", start_ms: 10, open_ms: 20, first_content_ms: 50, duration_ms: 100 };
  assert.deepEqual(partsOf(attempt, 200), [{ kind: "calling", from: 10, to: 30 }, { kind: "waiting", from: 30, to: 60 }, { kind: "streaming", from: 60, to: 110 }]);
  assert.deepEqual(partsOf({ ...attempt, open_ms: null, first_content_ms: null, duration_ms: 5 }, 200), [{ kind: "calling", from: 10, to: 15 }]);
  assert.deepEqual(partsOf({ ...attempt, duration_ms: null, first_content_ms: null }, 200), [{ kind: "calling", from: 10, to: 30 }, { kind: "waiting", from: 30, to: 200 }]);
  assert.deepEqual(partsOf({ ...attempt, start_ms: null }, 200), []);
  assert.equal(attemptText(attempt), "1 · openai gpt · answered · 100 ms");
  assert.equal(attemptText({ ...attempt, ended: null, duration_ms: null }), "1 · openai gpt · runs");
});

test("a failed attempt is marked, and the queue has a row of its own", () => {
  const attempt = { number: 1, provider: "p", upstream_model: "m", ended: "server_error", start_ms: 50, open_ms: null, first_content_ms: null, duration_ms: 30 };
  const { height, shapes } = drawAttempts([attempt], { queueMs: 50, totalMs: 100, width: 400 });
  assert.equal(height, 98);
  const classes = shapes.filter(({ tag }) => tag === "rect").map(({ attributes }) => attributes.class);
  assert.deepEqual(classes, ["a-queued", "a-calling a-failed"]);
});

test("ends are counted by their code, and the oldest make room", () => {
  const ends = new Ends();
  ends.add([{ id: "a", ended_at: 1, end: "complete", code: null }, { id: "b", ended_at: 3, end: "error", code: "stalled" }, { id: "c", ended_at: 2, end: "error", code: "stalled" }, { id: "d", ended_at: 2, end: "interrupted", code: null }]);
  assert.deepEqual([...ends.byId.keys()][0], "b");
  assert.deepEqual(ends.counts, [{ code: "complete", count: 1 }, { code: "interrupted", count: 1 }, { code: "stalled", count: 2 }]);
  ends.add(Array.from({ length: 300 }, (_, index) => ({ id: `n${index}`, ended_at: 10 + index, end: "complete", code: null })));
  assert.equal(ends.byId.size, 200);
});

test("figures are written for people", () => {
  assert.deepEqual([0.4, 12, 185, 7800, 273_600].map(age), ["0 s", "12 s", "3 min 05 s", "2 h 10 min", "3 d 4 h"]);
  assert.deepEqual([null, 0, 0.00001, 0.0123, 1.5].map(dollars), ["–", "$0", "<$0.0001", "$0.0123", "$1.50"]);
  assert.deepEqual([0, 4.25, 42.4].map(speed), ["0", "4.3", "42"]);
  assert.equal(viewersText({ sse: 2, websocket: 1 }), "2 SSE, 1 WebSocket");
  assert.equal(viewersText({}), "none");
});
