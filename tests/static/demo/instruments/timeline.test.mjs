/** The timeline of one answer. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { MEANINGS, eventDetail } from "../../../../static/demo/instruments/event-meanings.js";
import { Timeline } from "../../../../static/demo/instruments/timeline.js";
import { NAMED } from "../../../../static/dualstream/events.js";

function timelineOf(...steps) {
  const timeline = new Timeline();
  timeline.begin(1000);
  for (const [at, what, transport = "sse"] of steps) {
    if (typeof what === "string") timeline.addAction(what, transport, at);
    else timeline.addEvent(what, transport, at);
  }
  return timeline.entries;
}

test("tokens that follow each other are one entry", () => {
  const entries = timelineOf(
    [1010, { type: "accepted", seq: 1, model: "sim" }],
    [1100, { type: "chunk", seq: 2, content: "Hello" }],
    [1200, { type: "chunk", seq: 3, content: " you" }],
    [1300, { type: "complete", seq: 4, finish_reason: "stop", usage: { output_tokens: 2, source: "exact" } }],
  );
  assert.deepEqual(entries.map(({ title, ms, untilMs, seq, lastSeq }) => [title, ms, untilMs, seq, lastSeq]), [
    ["accepted", 10, 10, 1, 1],
    ["2 text events · 9 characters", 100, 200, 2, 3],
    ["complete", 300, 300, 4, 4],
  ]);
  assert.equal(entries[2].detail, "stop, 2 tokens");
});

test("what the page did stands between the tokens, and a change of transport begins a new entry", () => {
  const entries = timelineOf(
    [1100, { type: "chunk", seq: 2, content: "a" }],
    [1150, "broken"],
    [1200, { type: "chunk", seq: 3, content: "b" }],
    [1250, { type: "chunk", seq: 4, content: "c" }, "websocket"],
  );
  assert.deepEqual(entries.map(({ type, count, transport }) => [type, count, transport]), [["chunk", 1, "sse"], ["broken", 1, "sse"], ["chunk", 1, "sse"], ["chunk", 1, "websocket"]]);
});

test("each change is reported", () => {
  const timeline = new Timeline();
  const seen = [];
  timeline.onChange = ({ key, count }) => seen.push([key, count]);
  timeline.begin(0);
  for (const seq of [1, 2]) timeline.addEvent({ type: "chunk", seq, content: "x" }, "sse", seq);
  assert.deepEqual(seen, [[0, 1], [0, 2]]);
});

test("each event of the protocol has a meaning, an unknown one, too", () => {
  for (const type of ["chunk", ...NAMED]) assert.match(MEANINGS[type] ?? "", /^[A-Z].+\.$/, type);
  assert.match(timelineOf([1000, { type: "later", seq: 1 }])[0].meaning, /does not know/);
});

test("details never show what is missing", () => {
  for (const type of ["chunk", ...NAMED]) assert.doesNotMatch(eventDetail({ type }), /undefined|null|NaN/, type);
  assert.equal(eventDetail({ type: "interrupted", by: "client", cancel_ms: 3.456 }), "the user pressed stop, model’s connection closed in 3.5 ms");
  assert.equal(eventDetail({ type: "retry", provider: "simulator", code: "rate_limit", delay_ms: 1000 }), "simulator, rate_limit, again in 1.00 s");
});
