/** The decoder of text/event-stream, fed in pieces. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EventStreamDecoder } from "../../static/dualstream.js";

const bytes = new TextEncoder();

function decode(...pieces) {
  const decoder = new EventStreamDecoder();
  return { messages: pieces.flatMap((piece) => decoder.push(piece)), decoder };
}

const message = (data, lastEventId = "", event = "message") => ({ event, data, lastEventId });

const CASES = {
  "lines end in LF": ["data: a\n\ndata: b\n\n", [message("a"), message("b")]],
  "lines end in CR": ["data: a\r\rdata: b\r\r", [message("a"), message("b")]],
  "lines end in CRLF": ["data: a\r\n\r\ndata: b\r\n\r\n", [message("a"), message("b")]],
  "line ends are mixed": ["data: a\r\ndata: b\rdata: c\n\r\n", [message("a\nb\nc")]],
  "one BOM is removed": ["\uFEFFdata: a\n\n", [message("a")]],
  "a second BOM is part of a name": ["\uFEFF\uFEFFdata: a\n\ndata: b\n\n", [message("b")]],
  "comments are ignored": [": hb\n: hb\ndata: a\n: in between\n\n", [message("a")]],
  "several data lines are joined": ["data: a\ndata:\ndata: b\n\n", [message("a\n\nb")]],
  "one space after the colon is removed": ["data:  a \ndata:b\n\n", [message(" a \nb")]],
  "empty data is a message": ["data\n\ndata:\n\n", [message(""), message("")]],
  "without data there is no message": ["event: ping\n\ndata: a\n\n", [message("a")]],
  "a name holds for one message": ["event: complete\ndata: a\n\ndata: b\n\n", [message("a", "", "complete"), message("b")]],
  "an id stays": ["id: g:1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [message("a", "g:1"), message("b", "g:1"), message("c")]],
  "an id with NUL is ignored": ["id: g:1\ndata: a\n\nid: x\0\ndata: b\n\n", [message("a", "g:1"), message("b", "g:1")]],
  "an unknown field is ignored": ["datas: x\nfoo\n: c\ndata: a\n\n", [message("a")]],
  "a message without a blank line is incomplete": ["data: a\n\ndata: b\n", [message("a")]],
  "characters of several bytes are decoded": ["data: Trần Hưng Đạo 👩‍👩‍👧 🇻🇳 é\n\n", [message("Trần Hưng Đạo 👩‍👩‍👧 🇻🇳 é")]],
};

for (const [name, [text, expected]] of Object.entries(CASES)) {
  test(`${name}, cut in two anywhere`, () => {
    const whole = bytes.encode(text);
    for (let at = 0; at <= whole.length; at += 1) {
      assert.deepEqual(decode(whole.subarray(0, at), whole.subarray(at)).messages, expected, `cut at ${at}`);
    }
  });

  test(`${name}, byte by byte`, () => {
    assert.deepEqual(decode(...Array.from(bytes.encode(text), (byte) => Uint8Array.of(byte))).messages, expected);
  });
}

test("cut in three anywhere", () => {
  const whole = bytes.encode("\uFEFF: hb\r\nid: g:7\r\nevent: é\rdata: ạ\r\n\r\ndata: 👩‍👧\n\n");
  const expected = [message("ạ", "g:7", "é"), message("👩‍👧", "g:7")];
  for (let a = 0; a <= whole.length; a += 1) {
    for (let b = a; b <= whole.length; b += 1) {
      assert.deepEqual(decode(whole.subarray(0, a), whole.subarray(a, b), whole.subarray(b)).messages, expected, `cut at ${a}, ${b}`);
    }
  }
});

test("an id counts only at the end of its message", () => {
  const { decoder } = decode(bytes.encode("id: g:1\ndata: a\n\nid: g:2\ndata: b\n"));
  assert.equal(decoder.lastEventId, "g:1");
});

test("retry is ignored unless it has only digits", () => {
  assert.equal(decode(bytes.encode("retry: 1500\nretry: 2x\n")).decoder.retryMs, 1500);
  assert.equal(decode(bytes.encode("retry: -1\n")).decoder.retryMs, null);
});
