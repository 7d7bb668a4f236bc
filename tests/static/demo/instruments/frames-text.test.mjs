/** Frames as lines of text. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { frameLine, visible } from "../../../../static/demo/instruments/frames-text.js";

test("a frame is one line, with its line ends visible", () => {
  assert.equal(visible("a\r\nb\n\n"), "a⇤↵b↵↵");
  const line = frameLine({ at: 112, connection: 2, kind: "frame", carrier: "eventsource", direction: "in", bytes: 20, head: null, text: "data: {}\n\n" }, 100);
  assert.equal(line, "   12 ms  #2 sse  ◀    20 B  data: {}↵↵");
  assert.match(frameLine({ at: 100, connection: 1, kind: "open", carrier: "http", direction: "in", bytes: 0, head: 310, text: "200 OK" }, 100), /310 B head  open: 200 OK$/);
});
