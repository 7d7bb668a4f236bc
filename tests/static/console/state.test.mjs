/** What runs, as events tell it, and its speed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { LiveState } from "../../../static/console/live/state.js";
import { matches } from "../../../static/console/live/table.js";
import { sparkPath } from "../../../static/console/live/sparkline.js";

const row = (id, fields = {}) => ({ id, model: "m", principal: "key:alice", provider: null, state: "streaming", transport: "sse", dialect: "native", output_tokens: 0, ...fields });
const gateway = (fields = {}) => ({ name: "r_1", here: false, running: 1, queued: 0, streams: 2, viewers: 3, ...fields });

test("changes are applied to the snapshot", () => {
  const state = new LiveState();
  state.apply("snapshot", { time: 100, gateways: [gateway()], running: [row("a"), row("b")], omitted: 1 }, 98);
  assert.equal(state.ahead, 2);
  state.apply("change", { time: 101, running: [row("c"), { id: "a", output_tokens: 5 }], gone: ["b"] }, 99);
  assert.deepEqual([...state.rows.keys()], ["c", "a"]);
  assert.equal(state.rows.get("a").output_tokens, 5);
  assert.equal(state.rows.get("a").model, "m");
  assert.equal(state.omitted, 1);
  state.apply("change", { time: 102, omitted: 0, gateways: [gateway({ running: 2 }), gateway({ name: "r_2", here: true })] }, 100);
  assert.deepEqual(state.totals, { running: 3, queued: 0, streams: 4, viewers: 6 });
  assert.equal(state.here.name, "r_2");
  state.apply("snapshot", { time: 103, gateways: [], running: [], omitted: 0 }, 101);
  assert.equal(state.rows.size, 0);
  assert.equal(state.here, null);
});

test("the speed is the difference of tokens between two samples", () => {
  const state = new LiveState();
  state.apply("snapshot", { time: 0, running: [row("a", { output_tokens: 10 })] }, 0);
  state.sample(0);
  assert.deepEqual(state.speedOf("a").samples, []);
  state.apply("change", { time: 1, running: [{ id: "a", output_tokens: 30 }] }, 1);
  state.sample(1);
  state.sample(1); // no time has passed
  assert.deepEqual(state.speedOf("a").samples, [20]);
  assert.equal(state.speedOf("a").now, 8);
  for (let now = 2; now < 60; now += 1) state.sampleSilence();
  assert.equal(state.speedOf("a").samples.length, 30);
  assert.ok(state.speed < 0.01);
  // An event that was late is measured over the whole time since the one before it.
  state.apply("change", { time: 61, running: [{ id: "a", output_tokens: 630 }] }, 61);
  state.sample(61);
  assert.equal(state.speedOf("a").samples.at(-1), 10);
});

test("a revision begins again, which is no negative speed; one that is gone has none", () => {
  const state = new LiveState();
  state.apply("snapshot", { time: 0, running: [row("a", { output_tokens: 50 })] }, 0);
  state.sample(0);
  state.apply("change", { time: 1, running: [{ id: "a", output_tokens: 0 }] }, 1);
  state.sample(1);
  assert.deepEqual(state.speedOf("a").samples, [0]);
  state.apply("change", { time: 2, gone: ["a"] }, 2);
  assert.deepEqual(state.speedOf("a"), { now: 0, samples: [] });
});

test("rows are filtered by what names them", () => {
  assert.ok(matches(row("g_1"), ""));
  assert.ok(matches(row("g_1"), " ALICE "));
  assert.ok(matches(row("g_1", { provider: "openai" }), "open"));
  assert.ok(!matches(row("g_1"), "bob"));
});

test("the newest sample of a small line is at its right edge", () => {
  assert.equal(sparkPath([1]), "");
  assert.match(sparkPath([0, 10]), /^M69\.5 17\.0L72\.0 1\.0$/);
});
