/**
 * A text in Markdown as DOM nodes, rendered while it arrives. It makes elements and text nodes, and never parses markup:
 * HTML in the text is shown as text. Only what may still change is rendered again, at most once per frame.
 */

import { element } from "../../common/dom.js";
import { BlockParser } from "./blocks.js";
import { codeBlock, createBlock, inlineNodes } from "./elements.js";

export class MarkdownView {
  #root;
  #parser = new BlockParser();
  #shown = new WeakMap(); // element -> what was rendered into it
  #scheduled = false;
  #onRender;

  /**
   * @param {HTMLElement} root
   * @param {() => void} [onRender] called after each change of the elements
   */
  constructor(root, onRender = () => {}) {
    this.#root = root;
    this.#onRender = onRender;
  }

  /** Add text at the end. @param {string} content */
  push(content) {
    this.#parser.push(content);
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.render();
    });
  }

  /** Replace everything. @param {string} [text] */
  reset(text = "") {
    this.#parser = new BlockParser();
    this.#shown = new WeakMap();
    this.#root.replaceChildren();
    if (text !== "") this.push(text);
  }

  /** Show what is still open as it is: no more text follows. */
  end() {
    if (!this.#parser.isOpen) return;
    this.#parser.end();
    this.render();
  }

  /** Show everything that has arrived. */
  render() {
    this.#renderChildren(this.#root, this.#parser.root, this.#parser.isOpen);
    this.#onRender();
  }

  #renderChildren(parent, block, isOpen) {
    const { children } = block;
    const shown = this.#recordOf(parent);
    for (let index = shown.settled ?? 0; index < children.length; index += 1) {
      const last = isOpen && index === children.length - 1;
      this.#renderBlock(parent, index, last ? asShown(children[index]) : children[index], last);
    }
    while (parent.children.length > children.length) parent.lastElementChild.remove();
    shown.settled = isOpen ? block.settled : children.length;
  }

  #renderBlock(parent, index, block, isOpen) {
    const key = keyOf(block);
    let target = parent.children[index];
    if (!target || this.#recordOf(target).key !== key) {
      const created = createBlock(block);
      if (target) target.replaceWith(created);
      else parent.append(created);
      target = created;
      this.#recordOf(target).key = key;
    }
    if (block.children) this.#renderChildren(block.type === "item" ? target.lastElementChild : target, block, isOpen);
    else if (block.type === "code") this.#renderSegments(target.querySelector("code"), block, isOpen, (text) => codeBlock(text, block.info));
    else if (block.type === "table") this.#renderTable(target, block, isOpen);
    else if (block.segments) this.#renderSegments(target, block, isOpen, (text, open) => inlineNodes(text, open));
    // Its text has not come yet, or never will: a screen reader would announce a heading without words.
    if (block.type === "heading") target.hidden = block.text === "" && block.segments.length === 0;
  }

  #renderSegments(target, { segments, text }, isOpen, toNodes) {
    const shown = this.#recordOf(target);
    const texts = [...segments.slice(shown.count ?? 0), text];
    const from = shown.count ?? 0;
    texts.forEach((part, offset) => {
      const open = isOpen && offset === texts.length - 1;
      let span = target.children[from + offset];
      if (!span) target.append(span = element("span"));
      this.#fill(span, part, open, toNodes);
    });
    while (target.children.length > segments.length + 1) target.lastElementChild.remove();
    shown.count = segments.length;
  }

  #renderTable(target, { rows, align }, isOpen) {
    const [head, body] = [target.querySelector("thead"), target.querySelector("tbody")];
    const shown = this.#recordOf(body);
    rows.forEach((cells, index) => {
      if (index > 0 && index < (shown.rows ?? 0)) return;
      const parent = index === 0 ? head : body;
      let row = parent.children[index === 0 ? 0 : index - 1];
      if (!row) parent.append(row = element("tr"));
      this.#renderRow(row, index === 0 ? "th" : "td", cells, align, isOpen && index === rows.length - 1);
    });
    while (body.children.length > rows.length - 1) body.lastElementChild.remove();
    // The last row is rendered again: it may not be complete.
    shown.rows = rows.length - 1;
  }

  #renderRow(row, name, cells, align, isOpen) {
    align.forEach((side, index) => {
      let cell = row.children[index];
      if (!cell) row.append(cell = element(name, { ...(name === "th" && { scope: "col" }), className: side ? `to-${side}` : "" }));
      this.#fill(cell, cells[index] ?? "", isOpen && index === cells.length - 1, (text, open) => inlineNodes(text, open));
    });
  }

  #fill(target, text, open, toNodes) {
    const shown = this.#recordOf(target);
    if (shown.text === text && shown.open === open) return;
    Object.assign(shown, { text, open });
    target.replaceChildren(...toNodes(text, open));
  }

  #recordOf(target) {
    if (!this.#shown.has(target)) this.#shown.set(target, {});
    return this.#shown.get(target);
  }
}

/** A line that begins like a table's head is shown as one at once; if no delimiter row follows, it becomes a paragraph. */
function asShown(block) {
  if (block.type !== "paragraph" || block.segments.length > 0 || !/^ {0,3}\|[^\n]*$/.test(block.text)) return block;
  const cells = block.text.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  return { type: "table", rows: [cells], align: cells.map(() => null) };
}

/** Blocks of the same key are rendered into the same element. */
function keyOf({ type, level, info, ordered, start, checked, align }) {
  return [type, level, info, ordered, start, checked, align?.join()].join(" ");
}
