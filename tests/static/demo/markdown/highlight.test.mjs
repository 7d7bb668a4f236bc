/** Colours for source code. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { highlight } from "../../../../static/demo/markdown/highlight.js";
import { madeUp } from "./trees.mjs";

const kinds = (text, language) => highlight(text, language).filter(([kind]) => kind !== "").map(([kind, part]) => `${kind}:${part}`);

test("comments, strings, numbers and words", () => {
  assert.deepEqual(kinds('def f(x):  # why\n    return "a" + 3', "python"), ["word:def", "comment:# why", "word:return", 'text:"a"', "number:3"]);
  assert.deepEqual(kinds("const a = 7 // 2; // b", "js"), ["word:const", "number:7", "comment:// 2; // b"]);
  assert.deepEqual(kinds("a = 7 // 2", "python"), ["number:7", "number:2"]);
  assert.deepEqual(kinds("if and else", "text"), []);
});

test("no text is lost", () => {
  for (let seed = 1; seed <= 1000; seed += 1) {
    const text = madeUp(seed);
    for (const language of ["", "js", "python", "text"]) assert.equal(highlight(text, language).map(([, part]) => part).join(""), text);
  }
});
