/** The block structure of Markdown, parsed while it arrives. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { BlockParser, MAX_TEXT, splitRow } from "../../../../static/demo/markdown/blocks.js";
import { madeUp, parse, plain, split } from "./trees.mjs";

const p = (text) => ({ type: "paragraph", text });
const li = (...children) => ({ type: "item", children });

/** Return the blocks that are shown while more text may follow. */
function open(text) {
  const parser = new BlockParser();
  parser.push(text);
  return plain(parser.root).children;
}

test("paragraphs are separated by blank lines", () => {
  assert.deepEqual(parse("One\ntwo\n\n\nThree"), [p("One\ntwo"), p("Three")]);
  assert.deepEqual(parse("A\r\n\r\nB\r\n"), [p("A"), p("B")]);
  assert.deepEqual(parse(""), []);
});

test("headings have a level", () => {
  assert.deepEqual(parse("# One\n### Three ###\n#hashtag\n####### seven"), [
    { type: "heading", level: 1, text: "One" }, { type: "heading", level: 3, text: "Three" }, p("#hashtag\n####### seven"),
  ]);
  assert.deepEqual(parse("Title\n===\nSecond\n---"), [{ type: "heading", level: 1, text: "Title" }, { type: "heading", level: 2, text: "Second" }]);
});

test("lists are nested, and numbers have a start", () => {
  assert.deepEqual(parse("- a\n- b\n  - c\n\n    d\n- e"), [{
    type: "list", ordered: false, start: 1,
    children: [li(p("a")), li(p("b"), { type: "list", ordered: false, start: 1, children: [li(p("c"), p("d"))] }), li(p("e"))],
  }]);
  assert.deepEqual(parse("3. a\n4. b\n\ntext"), [{ type: "list", ordered: true, start: 3, children: [li(p("a")), li(p("b"))] }, p("text")]);
  assert.deepEqual(parse("- a\n* b").map(({ type }) => type), ["list", "list"]);
  assert.deepEqual(parse("in\n1984. A year"), [p("in\n1984. A year")]);
  assert.deepEqual(parse("- a\nlazy"), [{ type: "list", ordered: false, start: 1, children: [li(p("a\nlazy"))] }]);
});

test("tasks are checked or not", () => {
  const [{ children }] = parse("- [x] done\n- [ ] open\n- [link]");
  assert.deepEqual(children, [{ ...li(p("done")), checked: true }, { ...li(p("open")), checked: false }, li(p("[link]"))]);
});

test("code keeps its text", () => {
  assert.deepEqual(parse("```python title\na = 1\n\n  - b\n```\nafter"), [{ type: "code", info: "python", text: "a = 1\n\n  - b" }, p("after")]);
  assert.deepEqual(parse("~~~\n```\n~~~~"), [{ type: "code", info: "", text: "```" }]);
  assert.deepEqual(parse("```\nnever closed"), [{ type: "code", info: "", text: "never closed" }]);
  assert.deepEqual(parse("- a\n  ```\n  b\n   c\n  ```"), [
    { type: "list", ordered: false, start: 1, children: [li(p("a"), { type: "code", info: "", text: "b\n c" })] },
  ]);
  assert.deepEqual(parse("`inline` only"), [p("`inline` only")]);
});

test("quotations contain blocks", () => {
  assert.deepEqual(parse("> a\n> - b\nlazy\n\nc"), [
    { type: "quote", children: [p("a"), { type: "list", ordered: false, start: 1, children: [li(p("b\nlazy"))] }] }, p("c"),
  ]);
});

test("tables have a head and aligned columns", () => {
  assert.deepEqual(parse("| a | b |\n|---|--:|\n| 1 | 2 |\n| 3 |\n\nafter"), [
    { type: "table", align: [null, "right"], rows: [["a", "b"], ["1", "2"], ["3"]] }, p("after"),
  ]);
  assert.deepEqual(parse("a | b\n--|--"), [{ type: "table", align: [null, null], rows: [["a", "b"]] }]);
  assert.deepEqual(parse("| a | b |\n|---|"), [p("| a | b |\n|---|")]);
  assert.deepEqual(splitRow("| a \\| b | `c` |"), ["a | b", "`c`"]);
});

test("rules separate", () => {
  assert.deepEqual(parse("a\n\n---\n* * *\nb"), [p("a"), { type: "rule" }, { type: "rule" }, p("b")]);
});

test("what may still become a mark is not shown yet", () => {
  for (const start of ["#", "##", "-", "- ", "1", "12.", "`", "``", "```", ">", "|", "*", "**", "---", "- [", "- [x"]) assert.deepEqual(open(start), [], start);
  assert.deepEqual(open("Text\n-"), [p("Text")]);
  assert.deepEqual(open("```py"), [{ type: "code", info: "", text: "" }]);
  assert.deepEqual(open("```\na\n``"), [{ type: "code", info: "", text: "a" }]);
  assert.deepEqual(open("| a | b |\n|--"), [p("| a | b |")]);
  assert.deepEqual(parse("-"), [{ type: "list", ordered: false, start: 1, children: [li()] }]);
});

test("an incomplete line is shown, and taken back", () => {
  const parser = new BlockParser();
  parser.push("## Hea");
  assert.deepEqual(plain(parser.root).children, [{ type: "heading", level: 2, text: "Hea" }]);
  parser.push("ding\n- it");
  parser.push("em");
  assert.deepEqual(plain(parser.root).children, [
    { type: "heading", level: 2, text: "Heading" }, { type: "list", ordered: false, start: 1, children: [li(p("item"))] },
  ]);
});

test("every way to split a text gives the same blocks", () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const text = madeUp(seed);
    const whole = parse(text);
    assert.deepEqual(parse(...split(text, seed)), whole, JSON.stringify(text));
    assert.deepEqual(parse(...text), whole, JSON.stringify(text));
  }
});

test("letters are neither lost nor moved", () => {
  const letters = (text) => text.replace(/[^\p{L}]/gu, "");
  const shown = ({ type, text = "", info = "", rows = [], children = [] }) => (type === "code" ? info : "") + text + rows.flat().join("") + children.map(shown).join("");
  for (let seed = 1; seed <= 3000; seed += 1) {
    // Without tasks and fences: what follows a fence's language is not shown, and `[x]` is a box.
    const text = madeUp(seed).replaceAll(/[`~]{3,}|\[[xX]\]/g, "");
    assert.equal(letters(parse(text).map(shown).join("")), letters(text), JSON.stringify(text));
  }
});

test("long lines and blocks are divided, and nothing is lost", () => {
  for (const [line, types] of [["x".repeat(1e6), "paragraph"], [`# ${"x".repeat(1e6)}`, "heading"], [`\`\`\`\n${"x".repeat(1e6)}`, "code"], ["- ".repeat(5e5), null], [">".repeat(1e5), null], ["[".repeat(1e5), "paragraph"]]) {
    const started = performance.now();
    const pieces = line.match(/[^]{1,997}/g);
    const blocks = parse(...pieces);
    assert.ok(performance.now() - started < 20_000);
    if (types) assert.deepEqual(blocks.map(({ type }) => type), [types]);
    if (types) assert.equal(blocks[0].text.length, types === "heading" ? line.length - 2 : types === "code" ? line.length - 4 : line.length);
    assert.deepEqual(blocks, parse(line));
  }
  const rows = `| a |\n|---|\n| ${"x".repeat(3 * MAX_TEXT)} |\n`;
  assert.deepEqual(parse(...split(rows, 1)), parse(rows));
  const emoji = "🎉".repeat(MAX_TEXT);
  assert.equal(parse(emoji)[0].text, emoji);
});
