/**
 * Emphasis, code, links and breaks within a block of Markdown (CommonMark, 6; GitHub's strikethrough and bare URLs). Pure.
 */

/**
 * @typedef {object} Inline
 * @property {"text"|"code"|"break"|"em"|"strong"|"del"|"link"} type
 * @property {string} [text] of text and code
 * @property {string} [href] of a link: http, https or mailto
 * @property {Inline[]} [children] of em, strong, del, link
 */

const PUNCTUATION = /[\p{P}\p{S}]/u;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const BARE_URL = /https?:\/\/[^\s<>"|]+/y;
const AUTOLINK = /<((?:https?:\/\/|mailto:)[^\s<>]+)>/y;
const DESTINATION = /\(\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*))(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/y;
const PARTIAL_DESTINATION = /\([^\s)]*$/y;
const SPECIAL = /[\\`*_~[\]!<\nh]/g;
const TYPES = { "*1": "em", "*2": "strong", _1: "em", _2: "strong", "~1": "del", "~2": "del" };

/**
 * Return the address if it may be linked: of a web page or a mailbox. Others, scripts above all, stay text.
 * @param {string} url
 * @returns {string|null}
 */
export function safeUrl(url) {
  if (!/^(?:https?:\/\/|mailto:)/i.test(url) || !URL.canParse(url)) return null;
  return ["http:", "https:", "mailto:"].includes(new URL(url).protocol) ? url : null;
}

/**
 * Parse the text of a block.
 * @param {string} text
 * @param {{open?: boolean}} [options] `open`: more text may follow, so a mark without its end is taken as if the end came next
 * @returns {Inline[]}
 */
export function parseInline(text, { open = false } = {}) {
  return new InlineParser(text, open).parse();
}

class InlineParser {
  #text;
  #open;
  #brackets;
  #nodes = /** @type {any[]} */ ([]);

  constructor(text, open) {
    this.#text = text;
    this.#open = open;
    this.#brackets = text.includes("[") ? matchBrackets(text) : new Map();
  }

  parse(from = 0, to = this.#text.length, inLink = false) {
    const outer = this.#nodes;
    this.#nodes = [];
    for (let at = from; at < to;) at = this.#next(at, to, inLink);
    const nodes = pairDelimiters(this.#nodes, this.#open && to === this.#text.length && !inLink);
    this.#nodes = outer;
    return nodes;
  }

  /** Parse what stands at a position; return the position after it. */
  #next(at, to, inLink) {
    const text = this.#text;
    switch (text[at]) {
      case "\\": return this.#escape(at, to);
      case "`": return this.#code(at, to);
      case "*": case "_": case "~": return this.#delimiter(at, to);
      case "\n": return this.#lineBreak(at);
      case "!": if (text[at + 1] === "[" && !inLink) return this.#link(at, at + 1, to);
        break;
      case "[": if (!inLink) return this.#link(at, at, to);
        break;
      case "<": case "h": if (!inLink) return this.#autolink(at, to);
        break;
      default: {
        SPECIAL.lastIndex = at + 1;
        const end = Math.min(SPECIAL.exec(text)?.index ?? to, to);
        this.#add(text.slice(at, end));
        return end;
      }
    }
    this.#add(text[at]);
    return at + 1;
  }

  #add(text) {
    const last = this.#nodes.at(-1);
    if (last?.type === "text") last.text += text;
    else this.#nodes.push({ type: "text", text });
  }

  #escape(at, to) {
    const next = at + 1 < to ? this.#text[at + 1] : "";
    if (next === "\n") {
      this.#nodes.push({ type: "break" });
      return at + 2;
    }
    if (next !== "" && ESCAPABLE.test(next)) {
      this.#add(next);
      return at + 2;
    }
    if (next !== "" || !this.#open) this.#add("\\");
    return at + 1;
  }

  #code(at, to) {
    const text = this.#text;
    let start = at;
    while (text[start] === "`" && start < to) start += 1;
    const length = start - at;
    for (let end = text.indexOf("`", start); end !== -1 && end < to;) {
      let after = end;
      while (text[after] === "`") after += 1;
      if (after - end === length) {
        this.#nodes.push({ type: "code", text: codeText(text.slice(start, end)) });
        return after;
      }
      end = text.indexOf("`", after);
    }
    // Without its end, code goes on to the end of the line that is being written.
    if (this.#open && to === text.length && !text.includes("\n", start)) {
      if (start < to) this.#nodes.push({ type: "code", text: codeText(text.slice(start).replace(/`+$/, "")) });
      return to;
    }
    this.#add(text.slice(at, start));
    return start;
  }

  #delimiter(at, to) {
    const text = this.#text;
    const sign = text[at];
    let end = at;
    while (end < to && text[end] === sign) end += 1;
    const before = charBefore(text, at);
    const after = end < text.length ? String.fromCodePoint(text.codePointAt(end)) : " ";
    const [spaceBefore, spaceAfter] = [/\s/.test(before), /\s/.test(after)];
    const [markBefore, markAfter] = [PUNCTUATION.test(before), PUNCTUATION.test(after)];
    const left = !spaceAfter && (!markAfter || spaceBefore || markBefore);
    const right = !spaceBefore && (!markBefore || spaceAfter || markAfter);
    const canOpen = sign === "_" ? left && (!right || markBefore) : left;
    const canClose = sign === "_" ? right && (!left || markAfter) : right;
    const count = end - at;
    const atEnd = end === text.length;
    const inLastLine = !text.includes("\n", end);
    if (sign === "~" && count > 2) this.#add(text.slice(at, end));
    else this.#nodes.push({ type: "delimiter", sign, count, length: count, canOpen, canClose, atEnd, inLastLine });
    return end;
  }

  /** Two spaces before a line's end make it a break; else it stays a line feed, which the page shows as one. */
  #lineBreak(at) {
    const last = this.#nodes.at(-1);
    const hard = last?.type === "text" && /\S? {2,}$/.test(last.text);
    if (hard) {
      last.text = last.text.replace(/ +$/, "");
      this.#nodes.push({ type: "break" });
    } else this.#add("\n");
    return at + 1;
  }

  #link(at, bracket, to) {
    const text = this.#text;
    const end = this.#brackets.get(bracket);
    if (end !== undefined && end < to && text[end + 1] === "(") {
      DESTINATION.lastIndex = end + 1;
      const match = DESTINATION.exec(text);
      if (match && DESTINATION.lastIndex <= to) return this.#addLink(at, bracket, end, DESTINATION.lastIndex, match[1] ?? match[2]);
      PARTIAL_DESTINATION.lastIndex = end + 1;
      if (this.#open && PARTIAL_DESTINATION.test(text)) {
        // The address is being written: only the label is shown.
        this.#nodes.push(...this.parse(bracket + 1, end, true));
        return to;
      }
    }
    this.#add(text.slice(at, bracket + 1));
    return bracket + 1;
  }

  #addLink(at, bracket, end, after, destination) {
    const href = safeUrl(destination.replace(/\\([!-/:-@[-`{-~])/g, "$1"));
    if (href === null) {
      this.#add(this.#text.slice(at, after));
      return after;
    }
    const label = this.parse(bracket + 1, end, true);
    this.#nodes.push({ type: "link", href, children: label.length > 0 ? label : [{ type: "text", text: href }] });
    return after;
  }

  #autolink(at, to) {
    const text = this.#text;
    AUTOLINK.lastIndex = BARE_URL.lastIndex = at;
    const enclosed = text[at] === "<" ? AUTOLINK.exec(text) : null;
    if (enclosed && AUTOLINK.lastIndex <= to && safeUrl(enclosed[1])) {
      this.#nodes.push({ type: "link", href: enclosed[1], children: [{ type: "text", text: enclosed[1] }] });
      return AUTOLINK.lastIndex;
    }
    const bare = text[at] === "h" && !/[\p{L}\p{N}_]/u.test(charBefore(text, at)) ? BARE_URL.exec(text) : null;
    const url = bare && trimUrl(bare[0].slice(0, to - at));
    if (url && safeUrl(url)) {
      this.#nodes.push({ type: "link", href: url, children: [{ type: "text", text: url }] });
      return at + url.length;
    }
    this.#add(text[at]);
    return at + 1;
  }
}

/** Code keeps its text; line feeds are spaces, and one space on each side is only padding. */
function codeText(text) {
  const line = text.replaceAll("\n", " ");
  return /^ .* $/.test(line) && line.trim() !== "" ? line.slice(1, -1) : line;
}

function charBefore(text, at) {
  if (at === 0) return " ";
  const code = text.charCodeAt(at - 1);
  return (code & 0xfc00) === 0xdc00 && at > 1 ? text.slice(at - 2, at) : text[at - 1];
}

/** Punctuation at the end of a bare URL belongs to the sentence; so does a `)` without its `(`. */
function trimUrl(url) {
  let end = url.length;
  for (;;) {
    const last = url[end - 1];
    const unbalanced = last === ")" && url.slice(0, end).split(")").length > url.slice(0, end).split("(").length;
    if (!/[.,;:!?'*_~`\]]/.test(last ?? "") && !unbalanced) return url.slice(0, end);
    end -= 1;
  }
}

function matchBrackets(text) {
  const [ends, open] = [new Map(), []];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "[") open.push(at);
    else if (text[at] === "]" && open.length > 0) ends.set(open.pop(), at);
  }
  return ends;
}

/** Pair the delimiter runs (CommonMark, "An algorithm for parsing nested emphasis and links"). */
function pairDelimiters(nodes, open) {
  // A single sign at the end may be the first half of a closing `**`.
  if (open && nodes.at(-1)?.type === "delimiter" && nodes.at(-1).atEnd && nodes.at(-1).count === 1) nodes.pop();
  const bottoms = new Map();
  const result = [];
  const openers = []; // positions in `result` of runs that may open
  for (const node of nodes) {
    if (node.type !== "delimiter") {
      result.push(node);
      continue;
    }
    if (node.canClose) closeRuns(node, result, openers, bottoms);
    if (node.count > 0) {
      result.push(node);
      if (node.canOpen) openers.push(result.length - 1);
    }
  }
  if (open) closeOpenRuns(result, openers);
  return result.map((node) => (node.type === "delimiter" ? { type: "text", text: node.sign.repeat(node.count) } : node)).reduce(joinText, []);
}

function closeRuns(closer, result, openers, bottoms) {
  const key = `${closer.sign}${closer.canOpen}${closer.length % 3}`;
  for (let index = openers.length - 1; index >= (bottoms.get(key) ?? 0) && closer.count > 0;) {
    const at = openers[index];
    const opener = result[at];
    if (!matches(opener, closer)) {
      index -= 1;
      continue;
    }
    const count = opener.sign === "~" ? opener.count : Math.min(2, opener.count, closer.count);
    openers.length = index + 1;
    wrap(result, at, TYPES[`${opener.sign}${count}`]);
    opener.count -= count;
    closer.count -= count;
    if (opener.count === 0) {
      result.splice(at, 1);
      openers.length = index;
      index -= 1;
    }
  }
  if (closer.count > 0) bottoms.set(key, openers.length);
  for (const [other, bottom] of bottoms) bottoms.set(other, Math.min(bottom, openers.length));
}

function matches(opener, closer) {
  if (opener.sign !== closer.sign) return false;
  if (opener.sign === "~") return opener.count === closer.count;
  // The rule of three: `*a**b*` is no emphasis of `a**b` in two ways.
  if ((opener.canClose || closer.canOpen) && (opener.length + closer.length) % 3 === 0) return opener.length % 3 === 0 && closer.length % 3 === 0;
  return true;
}

/** Put everything after an opener into one node. */
function wrap(result, at, type) {
  result.push({ type, children: result.splice(at + 1).map(toText).reduce(joinText, []) });
}

const toText = (node) => (node.type === "delimiter" ? { type: "text", text: node.sign.repeat(node.count) } : node);

/** Runs without an end in the line that is being written: take them as closed, and do not show one that has no text yet. */
function closeOpenRuns(result, openers) {
  const last = result.at(-1);
  if (last?.type === "delimiter" && last.atEnd) {
    result.pop();
    if (openers.at(-1) === result.length) openers.pop();
  }
  for (const at of openers.reverse()) {
    const opener = result[at];
    if (opener?.type !== "delimiter" || !opener.inLastLine || at === result.length - 1) continue;
    wrap(result, at, TYPES[`${opener.sign}${Math.min(2, opener.count)}`]);
    opener.count = Math.max(0, opener.count - 2);
    if (opener.count === 0) result.splice(at, 1);
  }
}

function joinText(nodes, node) {
  const last = nodes.at(-1);
  if (node.type === "text" && last?.type === "text") last.text += node.text;
  else if (node.type !== "text" || node.text !== "") nodes.push(node);
  return nodes;
}
