/**
 * Parts that all views use: prose, code, badges, links to schemas. They set text, never markup.
 */

import { element } from "../common/dom.js";
import { codeBlock, inlineNodes } from "../demo/markdown/elements.js";
import { constraints, typeParts } from "./schema-types.js";

/** Return a paragraph of inline Markdown. @param {string} text */
export function prose(text, className = "prose") {
  return element("p", { className }, ...inlineNodes(text.replaceAll("\n", " "), false));
}

/** Return paragraphs of a description. @param {string} text */
export function paragraphs(text) {
  return text.trim() === "" ? [] : text.trim().split(/\n{2,}/).map((part) => prose(part));
}

/** Return a route's method as a badge. @param {string} method */
export function methodBadge(method) {
  return element("span", { className: "method", textContent: method.toUpperCase(), data: { method } });
}

/** Return a path in which it may be broken at each slash, and its parameters stand out. @param {string} path */
export function pathNodes(path) {
  return path.split(/(?=\/)|(\{[^}]*\})/).filter(Boolean).flatMap((part) => [element("wbr"), part.startsWith("{") ? element("var", { textContent: part }) : part]);
}

/** Return the type of a schema, with links to the schemas it names. @param {object} schema */
export function typeView(schema) {
  const parts = typeParts(schema).map((part) => (typeof part === "string" ? part : element("a", { href: `#schema-${part.schema}`, textContent: part.schema })));
  return element("span", { className: "type" }, ...parts);
}

/** Return what a value must fulfil, in small print; nothing if there is nothing to say. @param {object} schema */
export function constraintView(schema) {
  return constraints(schema).map((text) => element("code", { className: "constraint", textContent: text }));
}

/**
 * Return source code with a button that copies it.
 * @param {string} text
 * @param {string} language
 * @param {string} label what it is, for screen readers
 */
export function code(text, language, label) {
  const shown = element("code", {}, ...codeBlock(text, language));
  const copy = element("button", { type: "button", className: "quiet", textContent: "Copy" });
  copy.setAttribute("aria-label", `Copy: ${label}`);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(shown.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  const source = element("pre", { tabIndex: 0 }, shown);
  source.setAttribute("role", "group");
  source.setAttribute("aria-label", label);
  const block = element("div", { className: "code-block" }, element("div", { className: "code-head" }, element("span", { textContent: label }), copy), source);
  return Object.assign(block, { show: (/** @type {string} */ next) => shown.replaceChildren(...codeBlock(next, language)) });
}
