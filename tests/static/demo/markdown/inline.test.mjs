/** Emphasis, code and links within a block of Markdown. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseInline, safeUrl } from "../../../../static/demo/markdown/inline.js";
import { madeUp } from "./trees.mjs";

/** Write the inlines in short: `<em>…</em>`. */
function short(nodes) {
  return nodes.map(({ type, text, href, children }) => {
    if (type === "text") return text;
    if (type === "break") return "<br>";
    const content = children ? short(children) : text;
    return type === "link" ? `<a ${href}>${content}</a>` : `<${type}>${content}</${type}>`;
  }).join("");
}
const inline = (text) => short(parseInline(text));
const open = (text) => short(parseInline(text, { open: true }));

test("emphasis", () => {
  assert.equal(inline("*a* **b** ***c*** ~~d~~ __e__ _f_"), "<em>a</em> <strong>b</strong> <em><strong>c</strong></em> <del>d</del> <strong>e</strong> <em>f</em>");
  assert.equal(inline("**bold *both* bold**"), "<strong>bold <em>both</em> bold</strong>");
  assert.equal(inline("5 * 3 * 2, snake_case_name, **not closed"), "5 * 3 * 2, snake_case_name, **not closed");
  assert.equal(inline("**Note:** text"), "<strong>Note:</strong> text");
  assert.equal(inline("\\*no\\* *a\\*b*"), "*no* <em>a*b</em>");
});

test("code", () => {
  assert.equal(inline("`a*b*` ``c`d`` `` ` ``"), "<code>a*b*</code> <code>c`d</code> <code>`</code>");
  assert.equal(inline("`not closed"), "`not closed");
});

test("links to web pages and mailboxes only", () => {
  assert.equal(inline("[a *b*](https://example.com/x_(y) \"title\")"), "<a https://example.com/x_(y)>a <em>b</em></a>");
  assert.equal(inline("[m](mailto:a@b.example) ![image](https://example.com/i.png)"), "<a mailto:a@b.example>m</a> <a https://example.com/i.png>image</a>");
  assert.equal(inline("<https://example.com> https://example.com/a. (https://example.com/b)"),
    "<a https://example.com>https://example.com</a> <a https://example.com/a>https://example.com/a</a>. (<a https://example.com/b>https://example.com/b</a>)");
  const scheme = "javascript" + ":";
  for (const url of [`${scheme}alert(1)`, `JaVaScRiPt:alert(1)`, "data:text/html,x", "vbscript:x", "//example.com", "/x", "#x", "x", `https${"\n"}:x`, `\u0001${scheme}x`, "file:///etc/passwd", "blob:x"]) {
    assert.equal(safeUrl(url), null, url);
    assert.ok(!parseInline(`[a](${url})`).some(({ type }) => type === "link"), url);
    assert.ok(!parseInline(`[a](<${url}>)`).some(({ type }) => type === "link"), url);
  }
  assert.equal(inline(`[click](${scheme}alert)`), `[click](${scheme}alert)`);
});

test("HTML and entities are text", () => {
  for (const text of ["<img src=x onerror=\"x\">", "<b>a</b>", "&lt;script&gt;", "<!-- a -->", "<a href=x>"]) assert.equal(inline(text), text);
});

test("breaks", () => {
  assert.equal(inline("a  \nb\\\nc\nd"), "a<br>b<br>c\nd");
});

test("a mark without its end is shown as if the end came next", () => {
  assert.equal(open("say **bo"), "say <strong>bo</strong>");
  assert.equal(open("say **"), "say ");
  assert.equal(open("say **bold*"), "say <strong>bold</strong>");
  assert.equal(open("a *b **c"), "a <em>b <strong>c</strong></em>");
  assert.equal(open("run `npm i"), "run <code>npm i</code>");
  assert.equal(open("run `"), "run ");
  assert.equal(open("see [the page](https://exam"), "see the page");
  assert.equal(open("see [the"), "see [the");
  assert.equal(open("2 * 3"), "2 * 3");
  assert.equal(open("a **b\nc"), "a **b\nc");
});

test("nothing throws, and the text stays", () => {
  const letters = (text) => text.replace(/[^\p{L}]/gu, "");
  const content = (nodes) => nodes.map(({ text = "", href = "", children }) => (children ? content(children) + (content(children) === href ? "" : href) : text)).join("");
  for (let seed = 1; seed <= 4000; seed += 1) {
    const text = madeUp(seed).replaceAll(/\]\(|"t"/g, "");
    assert.equal(letters(content(parseInline(text))), letters(text), JSON.stringify(text));
    for (let at = 1; at <= text.length; at += 1) parseInline(text.slice(0, at), { open: true });
  }
  for (const mark of ["[", "*", "_", "**a", "`", "[](", "<", "~~", "![", "\\", "*a_"]) {
    const started = performance.now();
    parseInline(mark.repeat(4096 / mark.length), { open: true });
    assert.ok(performance.now() - started < 5000, mark);
  }
});
