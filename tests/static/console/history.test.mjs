/** The last hour: buckets as minutes, quantiles of counts, and the shapes of charts. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { draw, greatest, plotOf, runsOf } from "../../../static/console/history/chart.js";
import { CHARTS } from "../../../static/console/history/charts.js";
import { codeCount, frequentCodes, minutesOf, quantileOf, total, update } from "../../../static/console/history/series.js";

const NOW = 36_000 + 30;
const bucket = (at, fields = {}) => ({ at, complete: 0, interrupted: 0, error: 0, codes: {}, ttft: [], gaps: [], output_tokens: 0, cost_usd: 0, unpriced: 0, saved_tokens: 0, saved_usd: 0, ...fields });

test("buckets are summed by minute, and older ones are left out", () => {
  const minutes = minutesOf([bucket(36_000, { complete: 1, ttft: [1, 0] }), bucket(36_010, { complete: 2, codes: { stalled: 1 }, ttft: [0, 3] }), bucket(35_940, { error: 1 }), bucket(30_000, { error: 9 })], NOW);
  assert.equal(minutes.length, 60);
  assert.deepEqual([minutes[59].at, minutes[59].complete, minutes[59].ttft, minutes[59].codes], [36_000, 3, [1, 3], { stalled: 1 }]);
  assert.equal(total(minutes).error, 1);
});

test("newer buckets replace those that are known", () => {
  const merged = update([bucket(10, { complete: 1 }), bucket(35_990, { complete: 1 })], [bucket(35_990, { complete: 2 }), bucket(36_000)], NOW);
  assert.deepEqual(merged.map(({ at, complete }) => [at, complete]), [[35_990, 2], [36_000, 0]]);
});

test("quantiles are estimated between bounds", () => {
  assert.equal(quantileOf([], [10, 20], 0.5), null);
  assert.equal(quantileOf([0, 10, 0], [10, 20], 0.5), 15);
  assert.equal(quantileOf([5, 5, 0], [10, 20], 0.5), 10);
  assert.equal(quantileOf([0, 0, 1], [10, 20], 0.95), 20);
});

test("of many codes, the rare ones are one", () => {
  const minutes = minutesOf([bucket(36_000, { codes: { a: 5, b: 3, c: 2, d: 1 } })], NOW);
  const codes = frequentCodes(minutes, 3);
  assert.deepEqual(codes, ["a", "b", "other"]);
  assert.deepEqual(codes.map((code) => codeCount(minutes[59], code, codes)), [5, 3, 3]);
  assert.deepEqual(frequentCodes(minutes, 4), ["a", "b", "c", "d"]);
});

test("lines have gaps where nothing was measured", () => {
  assert.deepEqual(runsOf([1, 2, null, 3]), [[[0, 1], [1, 2]], [[3, 3]]]);
  assert.deepEqual(runsOf([null, null]), []);
});

test("a chart has an axis with values and times, and columns stand on each other", () => {
  const times = Array.from({ length: 60 }, (_, index) => 32_400 + index * 60);
  const series = [{ name: "a", colour: "c1", values: times.map((_, index) => (index === 5 ? 3 : 0)) }, { name: "b", colour: "c2", values: times.map((_, index) => (index === 5 ? 1 : null)) }];
  const chart = { kind: "columns", series, times, format: String, clock: (at) => String(at) };
  assert.equal(greatest("columns", series), 4);
  const { shapes } = draw(chart, 400, 5);
  assert.deepEqual(shapes.filter(({ attributes }) => attributes.class === "t-value").map(({ text }) => text), ["0", "2", "4"]);
  assert.deepEqual(shapes.filter(({ attributes }) => attributes.class === "t-time").map(({ text }) => text), ["33300", "34200", "35100"]);
  const [lower, upper] = shapes.filter(({ tag }) => tag === "rect").map(({ attributes }) => attributes);
  assert.equal(upper.y + upper.height, lower.y);
  assert.ok(shapes.some(({ attributes }) => attributes.class === "t-mark"));
  const plot = plotOf(400, 60);
  assert.equal(plot.index(plot.x(5)), 5);
  assert.equal(plot.index(-10), 0);
});

test("each chart says what it shows, also without data", () => {
  const bounds = { ttft: [10, 20], gaps: [10, 20] };
  for (const minutes of [minutesOf([], NOW), minutesOf([bucket(36_000, { complete: 3, error: 1, interrupted: 1, codes: { stalled: 1 }, ttft: [1, 2, 0], gaps: [4, 0, 1], output_tokens: 60, cost_usd: 0.5, unpriced: 1, saved_tokens: 7, saved_usd: 0.25 })], NOW)]) {
    for (const chart of CHARTS) {
      const { series, value, summary } = chart.read(minutes, bounds);
      assert.match(summary, /\.$/);
      assert.ok(value !== "");
      for (const { values } of series) assert.equal(values.length, 60);
    }
  }
});
