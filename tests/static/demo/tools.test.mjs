/** Arguments and results of tool calls, as they are shown. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { formatArguments, suggestedResult } from "../../../static/demo/tools.js";

test("complete arguments are indented, others shown as they are", () => {
  assert.equal(formatArguments('{"city":"Huế"}'), '{\n  "city": "Huế"\n}');
  assert.equal(formatArguments('{"city":"Hu'), '{"city":"Hu');
  assert.equal(formatArguments(""), "");
});

test("every tool has a result to begin with", () => {
  for (const name of ["get_weather", "search_web", "anything", "", null]) assert.equal(typeof JSON.parse(suggestedResult(name)), "object");
  assert.ok("sky" in JSON.parse(suggestedResult("get_weather")));
});
