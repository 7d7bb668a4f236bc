/** Each page names its modules in its head, so that the browser need not read one to find the next. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);
const PAGES = ["demo", "console"];
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

for (const name of PAGES) {
  const page = readFileSync(new URL(`./static/${name}.html`, ROOT), "utf8");

  test(`each module that ${name}.html imports is preloaded, and no other`, () => {
    const preloaded = [...page.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)].map(([, address]) => address);
    const wanted = modulesOf(`/static/${name}/main.js`);
    const links = wanted.map((address) => `  <link rel="modulepreload" href="${address}">`).join("\n");
    assert.deepEqual(preloaded, wanted, `${name}.html should have these:\n${links}`);
  });

  test(`each file that the head of ${name}.html names exists`, () => {
    for (const [, address] of page.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)) assert.ok(existsSync(new URL(`.${address}`, ROOT)), address);
  });
}
