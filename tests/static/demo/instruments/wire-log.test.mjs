/** The record of the wire. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { WireLog } from "../../../../static/demo/instruments/wire-log.js";

test("entries have their time, and missing fields their defaults", () => {
  let now = 5;
  const log = new WireLog(() => now);
  const connection = log.nextConnection();
  log.add({ connection, carrier: "http", kind: "request" });
  now = 7;
  log.add({ connection: log.nextConnection(), carrier: "http", kind: "frame", bytes: 3, text: "abc" });
  assert.deepEqual(log.entries.map(({ at, connection: number, bytes, head }) => [at, number, bytes, head]), [[5, 1, 0, null], [7, 2, 3, null]]);
});

test("the number of entries is bounded; all are reported", () => {
  const log = new WireLog(() => 0);
  let reported = 0;
  log.onEntry = () => { reported += 1; };
  for (let i = 0; i < 5010; i += 1) log.add({ connection: 1, carrier: "http", kind: "frame" });
  assert.deepEqual([log.entries.length, log.dropped, reported], [5000, 10, 5010]);
  log.clear();
  assert.deepEqual([log.entries.length, log.dropped, log.nextConnection()], [0, 0, 1]);
});

test("of a large frame only the beginning is kept, and all of it is reported", () => {
  const log = new WireLog(() => 0);
  let reported = "";
  log.onEntry = ({ text }) => { reported = text; };
  log.add({ connection: 1, carrier: "http", kind: "frame", text: "x".repeat(5000) });
  assert.equal(reported.length, 5000);
  assert.match(log.entries[0].text, /^x{4000}… \(1000 characters more\)$/);
});
