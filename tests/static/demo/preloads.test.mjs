/** The page names each module in its head, so that the browser need not read one to find the next. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../../", import.meta.url);
const ENTRY = "/static/demo/main.js";
const IMPORTS = /^(?:import|export)\b[^;]*?from "(\.[^"]+)"/gm;

/** Return the addresses of the modules that one imports, at any depth. */
function modulesOf(entry) {
  const found = new Set([entry]);
  for (const address of found) { // a set's iteration visits what is added meanwhile
    const source = readFileSync(new URL(`.${address}`, ROOT), "utf8");
    for (const [, name] of source.matchAll(IMPORTS)) found.add(new URL(name, `http://page${address}`).pathname);
  }
  found.delete(entry);
  return [...found].sort();
}

test("each module that the page imports is preloaded, and no other", () => {
  const page = readFileSync(new URL("./static/demo.html", ROOT), "utf8");
  const preloaded = [...page.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)].map(([, address]) => address);
  const wanted = modulesOf(ENTRY);
  const links = wanted.map((address) => `  <link rel="modulepreload" href="${address}">`).join("\n");
  assert.deepEqual(preloaded, wanted, `demo.html should have these:\n${links}`);
});

test("each file that the page's head names exists", () => {
  const page = readFileSync(new URL("./static/demo.html", ROOT), "utf8");
  for (const [, address] of page.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)) assert.ok(existsSync(new URL(`.${address}`, ROOT)), address);
});
