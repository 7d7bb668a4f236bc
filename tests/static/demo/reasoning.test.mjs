/** The last line of the model's reasoning. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { lastLine } from "../../../static/demo/reasoning.js";

test("the last line is shown, and of a long one its end", () => {
  assert.equal(lastLine("First.\nSecond.\n"), "Second.");
  assert.equal(lastLine(""), "");
  assert.equal(lastLine(`a${"b".repeat(300)}`), `…${"b".repeat(120)}`);
});
