/**
 * The elements of Markdown's blocks and inlines.
 */

import { element } from "../../common/dom.js";
import { highlight } from "./highlight.js";
import { parseInline } from "./inline.js";

/** Heading elements by level: those of an answer stand below the pane's own `h2`. */
const HEADINGS = ["h3", "h3", "h4", "h5", "h6", "h6"];

/**
 * Create a block's element, without its content.
 * @param {import("./blocks.js").Block} block
 * @returns {HTMLElement}
 */
export function createBlock(block) {
  switch (block.type) {
    case "heading": return element(HEADINGS[block.level - 1], { className: `level-${block.level}` });
    case "quote": return element("blockquote");
    case "list": return block.ordered ? element("ol", { start: block.start }) : element("ul");
    case "item": return createItem(block);
    case "rule": return element("hr");
    case "code": return createCode(block);
    case "table": return createTable();
    default: return element("p");
  }
}

/**
 * Return the nodes of inline Markdown.
 * @param {string} text
 * @param {boolean} open true if more text may follow
 * @returns {Node[]}
 */
export function inlineNodes(text, open) {
  return parseInline(text, { open }).map(toNode);
}

function toNode({ type, text, href, children }) {
  switch (type) {
    case "text": return document.createTextNode(text);
    case "break": return element("br");
    case "code": return element("code", { textContent: text });
    case "link": return element("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, ...children.map(toNode));
    default: return element(type, {}, ...children.map(toNode));
  }
}

/**
 * Return the nodes of source code.
 * @param {string} text
 * @param {string} language
 * @returns {Node[]}
 */
export function codeBlock(text, language) {
  return highlight(text, language).map(([kind, part]) => (kind === "" ? document.createTextNode(part) : element("span", { className: `code-${kind}`, textContent: part })));
}

function createItem({ checked }) {
  const body = element("div", { className: "item" });
  if (checked === null) return element("li", {}, body);
  const box = element("span", { className: checked ? "task done" : "task" });
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", checked ? "Done:" : "To do:");
  return element("li", { className: "has-task" }, box, body);
}

function createCode({ info }) {
  const code = element("code");
  const copy = element("button", { type: "button", className: "quiet copy-code", textContent: "Copy", data: { copies: "code" } });
  copy.setAttribute("aria-label", "Copy this code");
  const source = element("pre", { tabIndex: 0 }, code);
  source.setAttribute("role", "group");
  source.setAttribute("aria-label", info ? `Code, ${info}` : "Code");
  return element("div", { className: "code-block" }, element("div", { className: "code-head" }, element("span", { textContent: info }), copy), source);
}

function createTable() {
  const frame = element("div", { className: "table-frame", tabIndex: 0 }, element("table", {}, element("thead"), element("tbody")));
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  return frame;
}
