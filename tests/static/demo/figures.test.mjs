/** Measurements of one answer. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Figures } from "../../../static/demo/figures.js";

const timed = { timed: true };

test("nothing is known before the first token", () => {
  const figures = new Figures(1000);
  assert.deepEqual([figures.timeToFirstToken, figures.speed, figures.gapQuantiles(0.5, 0.95)], [null, null, [null, null]]);
});

test("the first token may be of any kind, and the first chunk does not count as speed", () => {
  const figures = new Figures(1000);
  figures.addToken(1200);
  figures.addChunk("ạ".repeat(50), 1500, timed);
  figures.addChunk("ab", 1600, timed);
  figures.addChunk("abcd", 1800, timed);
  assert.deepEqual([figures.timeToFirstToken, figures.speed, figures.gapQuantiles(0.5, 0.95)], [200, 20, [200, 200]]);
  assert.deepEqual([figures.chunks, figures.chars, figures.bytes], [3, 56, 156]);
});

test("an absence is neither a gap nor part of the speed", () => {
  const figures = new Figures(0);
  figures.addChunk("a", 100, timed);
  figures.skipGap();
  figures.addChunk("the missed text", 5000, { timed: false });
  figures.addChunk("b", 5100, timed);
  figures.addChunk("c", 5200, timed);
  assert.deepEqual([figures.speed, figures.gapQuantiles(0.5)], [10, [100]]);
});

test("a revision counts its characters from 0", () => {
  const figures = new Figures(0);
  figures.addChunk("abc", 100, timed);
  figures.startRevision();
  figures.addChunk("d", 900, timed);
  assert.deepEqual([figures.chars, figures.chunks, figures.gapQuantiles(0.5)], [1, 2, [null]]);
});
