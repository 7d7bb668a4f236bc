/** The shapes of the charts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hills, histogram } from "../../../../../static/demo/instruments/charts/hills.js";
import { ceiling, columns } from "../../../../../static/common/charts/scale.js";
import { stacks } from "../../../../../static/demo/instruments/charts/stacks.js";
import { strips } from "../../../../../static/demo/instruments/charts/strips.js";

const options = { width: 400, format: (value) => (value === null ? "–" : `${Math.round(value)} ms`), missing: "Run a prompt." };
const texts = ({ shapes }) => shapes.filter(({ tag }) => tag === "text").map(({ text }) => text);
const tags = ({ shapes }, name) => shapes.filter(({ tag }) => tag === name);

test("scales end at round numbers", () => {
  assert.deepEqual([0, 0.3, 1, 7, 12, 41, 99, 1234].map(ceiling), [1, 0.4, 1, 8, 20, 50, 100, 2000]);
  const { left, right, x } = columns(400, 80);
  assert.deepEqual([x(0), x(80), x(1000)], [left, right, right]);
  assert.ok(columns(60, 1).right > columns(60, 1).left);
});

test("each run is a dot, with the median as a line", () => {
  const chart = strips([{ transport: "sse", values: [10, 20, 40], median: 20 }, { transport: "websocket", values: [], median: null }], options);
  assert.equal(tags(chart, "circle").length, 3);
  assert.deepEqual(texts(chart), ["0", "20 ms", "40 ms", "SSE", "20 ms", "3 runs, 10 ms to 40 ms", "WebSocket", "–", "Run a prompt."]);
});

test("the parts of a bar lie side by side", () => {
  const chart = stacks([{ transport: "sse", parts: [{ label: "text", value: 10 }, { label: "event", value: 30 }] }, { transport: "websocket", parts: [] }], options);
  const [first, second] = tags(chart, "rect").map(({ attributes }) => attributes);
  assert.ok(Math.abs(first.x + first.width + 1 - second.x) < 0.2);
  assert.ok(Math.abs(second.width / first.width - 3) < 0.2);
  assert.ok(texts(chart).includes("text 10 · event 30 ms"));
});

test("a distribution is a hill with lines at p50 and p95, and needs three values", () => {
  const values = Array.from({ length: 100 }, (_, index) => 50 + (index % 10));
  const chart = hills([{ transport: "sse", values, p95: 59 }, { transport: "websocket", values: [1, 2], p95: null }], options);
  assert.equal(tags(chart, "path").filter(({ attributes }) => attributes.class === "c-hill").length, 1);
  assert.ok(texts(chart).includes("p50 54 ms of 100 gaps"));
  assert.equal(histogram([1, 1, 5, 100], 10).reduce((a, b) => a + b), 3);
});

test("without values there is no scale", () => {
  const chart = strips([{ transport: "sse", values: [], median: null }], options);
  assert.deepEqual(texts(chart), ["SSE", "–", "Run a prompt."]);
});

test("no chart has a coordinate that is no number", () => {
  for (const chart of [strips([{ transport: "sse", values: [0], median: 0 }], options), stacks([], options), hills([{ transport: "sse", values: [0, 0, 0], p95: 0 }], options)]) {
    assert.doesNotMatch(JSON.stringify(chart), /NaN|Infinity|null/);
  }
});
