/**
 * The block structure of Markdown (CommonMark, with GitHub's tables and task lists), parsed while the text arrives. Pure.
 *
 * Complete lines are parsed once. The last, incomplete line is parsed as far as it has come, and taken back when more of it
 * arrives; so every way to split a text into pieces gives the same tree in the end. Work per piece is bounded: a line, and
 * the text of an open block, are divided at `MAX_TEXT` characters.
 *
 * Left out on purpose: HTML (it is text here), indented code, link reference definitions.
 */

/** Characters after which an open block's text is divided, and a line is not waited for any longer. */
export const MAX_TEXT = 4096;
const MAX_DEPTH = 12; // nesting of quotations and lists; deeper markers are text

const RULE = /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+|$)/;
const SETEXT = /^ {0,3}(=+|-+) *$/;
const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?=[ \t]|$)/;
const TASK = /^\[([ xX])\][ \t]+(?=\S)/;
const DELIMITER_CELL = /^:?-+:?$/;
/** A beginning of a line that may still become a marker: nothing of it is shown yet. */
const AMBIGUOUS = /^[ \t]*(?:[-*+>#=_~`|: \t]+|\d{1,9}[.)]?|(?:[-*+]|\d{1,9}[.)])[ \t]+\[(?:[ xX]\]?)?)?[ \t]*$/;

/**
 * @typedef {object} Block
 * @property {"document"|"quote"|"list"|"item"|"paragraph"|"heading"|"code"|"table"|"rule"} type
 * @property {Block[]} [children] of document, quote, list, item
 * @property {number} [settled] how many children will not change any more
 * @property {string[]} [segments] text that will not change any more
 * @property {string} [text] text after the segments
 * @property {number} [level] of a heading
 * @property {string} [info] of code: its language
 * @property {boolean} [ordered] of a list
 * @property {number} [start] of an ordered list
 * @property {boolean|null} [checked] of an item; null: no task
 * @property {("left"|"right"|"center"|null)[]} [align] of a table
 * @property {string[][]} [rows] of a table, the first one is its head
 */

export class BlockParser {
  /** @type {Block} */
  root = container("document");
  /** True until the end: the last block may go on. */
  isOpen = true;
  #stack = [this.root];
  /** @type {Block|null} the open paragraph, heading, code or table */
  #leaf = null;
  #line = ""; // the incomplete line
  #midLine = false; // the beginning of the line was so long that it has been parsed already
  #saved = null;

  /**
   * Parse the next piece.
   * @param {string} text
   */
  push(text) {
    this.#restore();
    let start = 0;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", start)) {
      this.#take(text.slice(start, at));
      this.#finishLine();
      start = at + 1;
    }
    this.#take(text.slice(start));
    this.#save();
    if (this.#line !== "" && !this.#isHeldBack()) this.#parse(this.#line, true);
  }

  /** Parse what is left: no more text follows. */
  end() {
    this.#restore();
    if (this.#line !== "") this.#finishLine();
    this.isOpen = false;
    this.#leaf = null;
    this.#stack = [this.root];
    this.root.settled = this.root.children.length;
  }

  /** Add to the incomplete line. A long one is parsed in pieces of equal length, so that it is not parsed again and again. */
  #take(text) {
    let rest = this.#line + text;
    while (rest.length > MAX_TEXT) {
      const cut = isHighSurrogate(rest, MAX_TEXT - 1) ? MAX_TEXT - 1 : MAX_TEXT;
      this.#commit(rest.slice(0, cut));
      this.#midLine = true;
      rest = rest.slice(cut);
    }
    this.#line = rest;
  }

  #finishLine() {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    this.#line = "";
    this.#commit(line);
    this.#midLine = false;
  }

  #commit(line) {
    this.#parse(line, false);
    const leaf = this.#leaf;
    if (leaf?.text?.length >= MAX_TEXT) {
      leaf.segments.push(leaf.text);
      leaf.text = "";
    }
    for (const open of this.#stack) open.settled = Math.max(0, open.children.length - 1);
  }

  #isHeldBack() {
    if (this.#midLine) return false;
    if (this.#leaf?.type === "code") return /^[ \t>]*[`~]*$/.test(this.#line);
    return AMBIGUOUS.test(this.#line);
  }

  /** Remember everything that parsing the incomplete line may change. */
  #save() {
    const leaf = this.#leaf;
    this.#saved = {
      stack: [...this.#stack],
      containers: this.#stack.map((node) => [node, node.children.length, node.children.at(-1)]),
      leaf,
      fields: leaf && { text: leaf.text, rows: leaf.rows && [...leaf.rows] },
    };
  }

  #restore() {
    if (this.#saved === null) return;
    const { stack, containers, leaf, fields } = this.#saved;
    this.#saved = null;
    this.#stack = stack;
    this.#leaf = leaf;
    for (const [node, length, last] of containers) {
      node.children.length = length;
      if (length > 0) node.children[length - 1] = last;
    }
    if (leaf) Object.assign(leaf, fields);
  }

  /** @param {string} line @param {boolean} tentative true for an incomplete line */
  #parse(line, tentative) {
    if (this.#midLine) return this.#continueLine(line);
    const { depth, rest } = this.#matchContainers(line);
    const all = depth === this.#stack.length;
    if (all && this.#leaf?.type === "code") return this.#addCode(rest, tentative);
    if (rest.trim() === "") return this.#addBlank(depth);
    if (all && this.#leaf?.type === "paragraph" && this.#becomesOther(rest)) return;
    const nextItem = this.#stack[depth - 1].type === "list"; // of a list that goes on: any number does
    if (!startsBlock(rest, nextItem ? null : this.#leaf)) {
      // A paragraph goes on even where the marks of its quotation or list are missing.
      if (this.#leaf?.type === "paragraph") return addText(this.#leaf, `\n${rest}`);
      if (all && this.#leaf?.type === "table") return void this.#leaf.rows.push(splitRow(rest));
    }
    this.#close(depth);
    this.#open(rest, tentative);
  }

  /** Consume the markers of the open containers. Return how many go on, and the rest of the line. */
  #matchContainers(line) {
    let rest = line;
    let depth = 1;
    for (; depth < this.#stack.length; depth += 1) {
      const node = this.#stack[depth];
      if (node.type === "quote") {
        const marker = QUOTE.exec(rest);
        if (!marker) break;
        rest = rest.slice(marker[0].length);
      } else if (node.type === "item") {
        if (rest.trim() === "") {
          if (node.children.length === 0) break;
        } else if (indentOf(rest) >= node.indent) rest = outdent(rest, node.indent);
        else break;
      }
    }
    return { depth, rest };
  }

  #close(depth) {
    this.#stack.length = depth;
    this.#leaf = null;
  }

  #add(block) {
    this.#stack.at(-1).children.push(block);
    return block;
  }

  #addBlank(depth) {
    // A blank line ends a quotation, but neither a list nor its items.
    const quote = this.#stack.findIndex((node, index) => index >= depth && node.type === "quote");
    this.#close(quote === -1 ? Math.max(depth, this.#stack.length) : quote);
    const top = this.#stack.at(-1);
    if (top.type === "item" && top.children.length === 0) this.#close(this.#stack.length - 1);
  }

  #addCode(line, tentative) {
    const code = this.#leaf;
    const closing = line.trim();
    if (!tentative && closing.length >= code.fence.length && closing === code.fence[0].repeat(closing.length) && indentOf(line) < 4) {
      this.#leaf = null;
      code.closed = true;
      return;
    }
    addText(code, `${code.started ? "\n" : ""}${outdent(line, code.indent)}`);
    if (!tentative) code.started = true;
  }

  /** The line makes the paragraph before it a heading or the head of a table. */
  #becomesOther(rest) {
    const paragraph = this.#leaf;
    const siblings = this.#stack.at(-1).children;
    const underline = SETEXT.exec(rest);
    if (underline && paragraph.segments.length === 0) {
      siblings[siblings.length - 1] = { ...leaf("heading"), level: underline[1][0] === "=" ? 1 : 2, text: paragraph.text };
      this.#leaf = null;
      return true;
    }
    const head = paragraph.segments.length === 0 && !paragraph.text.includes("\n") && splitRow(paragraph.text);
    const align = head && delimiters(rest);
    if (!align || align.length !== head.length || !(paragraph.text.includes("|") || rest.includes("|"))) return false;
    this.#leaf = { type: "table", align, rows: [head] };
    siblings[siblings.length - 1] = this.#leaf;
    return true;
  }

  /** Open the blocks that a line begins. */
  #open(line, tentative) {
    let rest = line;
    for (;;) {
      const top = this.#stack.at(-1);
      const deep = this.#stack.length >= MAX_DEPTH;
      const quote = deep ? null : QUOTE.exec(rest);
      const item = deep || quote || RULE.test(rest) ? null : ITEM.exec(rest);
      if (top.type === "list" && !(item && sameList(top, item[2]))) this.#close(this.#stack.length - 1);
      if (quote) {
        this.#stack.push(this.#add(container("quote")));
        rest = rest.slice(quote[0].length);
      } else if (item) {
        rest = this.#openItem(item, rest);
      } else break;
    }
    this.#openLeaf(rest, tentative);
  }

  #openItem(marker, line) {
    const [head, indent, sign] = marker;
    if (this.#stack.at(-1).type !== "list") {
      const ordered = sign.length > 1;
      this.#stack.push(this.#add({ ...container("list"), ordered, sign: sign.at(-1), start: ordered ? Number(sign.slice(0, -1)) : 1 }));
    }
    const after = line.slice(head.length);
    const spaces = indentOf(after);
    // Five or more spaces after the marker belong to the text.
    const padding = after.trim() === "" || spaces > 4 ? 1 : spaces;
    const rest = after.trim() === "" ? "" : outdent(after, padding);
    const task = TASK.exec(rest);
    const item = { ...container("item"), indent: indent.length + sign.length + padding, checked: task ? task[1] !== " " : null };
    this.#stack.push(this.#add(item));
    return task ? rest.slice(task[0].length) : rest;
  }

  #openLeaf(rest, tentative) {
    if (rest.trim() === "") return;
    const heading = HEADING.exec(rest);
    const fence = FENCE.exec(rest);
    if (RULE.test(rest)) {
      this.#add({ type: "rule" });
    } else if (heading) {
      const text = rest.slice(heading[0].length).replace(/(?:^|[ \t]+)#+[ \t]*$/, "").trimEnd();
      this.#leaf = this.#add({ ...leaf("heading"), level: heading[1].length, text });
      if (!tentative && !this.#isFragment(rest)) this.#leaf = null;
    } else if (fence) {
      const [, indent, sign, info] = fence;
      this.#leaf = this.#add({ ...leaf("code"), info: tentative ? "" : info.trim().split(/\s/)[0], fence: sign, indent: indent.length, started: false });
    } else {
      this.#leaf = this.#add({ ...leaf("paragraph"), text: rest });
    }
  }

  #isFragment(text) {
    return text.length >= MAX_TEXT - 1;
  }

  /** Add the rest of a long line to the block that its beginning is part of. */
  #continueLine(text) {
    if (this.#leaf?.segments === undefined) {
      if (this.#leaf !== null) this.#leaf = null; // of a table
      if (this.#stack.at(-1).type === "list") this.#stack.length -= 1;
      this.#leaf = this.#add(leaf("paragraph"));
    }
    addText(this.#leaf, text);
    if (this.#leaf.type === "code") this.#leaf.started = true;
  }
}

const container = (type) => ({ type, children: [], settled: 0 });
const leaf = (type) => ({ type, segments: [], text: "" });
const addText = (block, text) => { block.text += text; };
const isHighSurrogate = (text, at) => (text.charCodeAt(at) & 0xfc00) === 0xd800;
const sameList = (list, sign) => list.sign === sign.at(-1) && list.ordered === sign.length > 1;

/** True if a line begins a block that ends a paragraph. */
function startsBlock(line, open) {
  if (HEADING.test(line) || FENCE.test(line) || QUOTE.test(line) || RULE.test(line)) return true;
  const item = ITEM.exec(line);
  if (!item) return false;
  // An empty item, or a number other than 1, does not end a paragraph: "in\n1984. A year" is no list.
  return open?.type !== "paragraph" || (line.slice(item[0].length).trim() !== "" && (item[2].length === 1 || item[2].slice(0, -1) === "1"));
}

function indentOf(line) {
  let width = 0;
  for (const char of line) {
    if (char === " ") width += 1;
    else if (char === "\t") width += 4 - (width % 4);
    else break;
  }
  return width;
}

/** Remove up to `width` columns of indentation. */
function outdent(line, width) {
  let at = 0;
  for (let column = 0; column < width && at < line.length; at += 1) {
    if (line[at] === " ") column += 1;
    else if (line[at] === "\t") {
      column += 4 - (column % 4);
      if (column > width) return " ".repeat(column - width) + line.slice(at + 1);
    } else break;
  }
  return line.slice(at);
}

/**
 * Split a table's row into its cells. A `|` in code or after a backslash separates nothing.
 * @param {string} line
 * @returns {string[]}
 */
export function splitRow(line) {
  const text = line.trim().replace(/^\|/, "");
  const cells = [""];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\" && text[at + 1] === "|") {
      cells[cells.length - 1] += "|";
      at += 1;
    } else if (text[at] === "|") cells.push("");
    else cells[cells.length - 1] += text[at];
  }
  if (cells.length > 1 && cells.at(-1).trim() === "") cells.pop();
  return cells.map((cell) => cell.trim());
}

function delimiters(line) {
  const cells = splitRow(line);
  if (!cells.every((cell) => DELIMITER_CELL.test(cell))) return null;
  return cells.map((cell) => (cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : cell.startsWith(":") ? "left" : null));
}
