/** Markdown of the tests: trees without what a reader does not see, and made-up documents. */

import { BlockParser } from "../../../../static/demo/markdown/blocks.js";

/** Parse pieces of a text. @returns the blocks of the document */
export function parse(...pieces) {
  const parser = new BlockParser();
  for (const piece of pieces) parser.push(piece);
  parser.end();
  return plain(parser.root).children;
}

/** Return a block without the parser's own bookkeeping; its text is joined. */
export function plain({ type, children, segments, text, level, info, ordered, start, checked, align, rows }) {
  const fields = { level, info, ordered, start, checked, align, rows };
  return {
    type,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)),
    ...(segments && { text: segments.join("") + text }),
    ...(children && { children: children.map(plain) }),
  };
}

/** A repeatable generator (mulberry32). @returns {(count: number) => number} an integer from 0 to below `count` */
export function random(seed) {
  let state = seed;
  return (count) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * count);
  };
}

const PIECES = [
  "word", " ", "  ", "\n", "\n\n", "# ", "## ", "- ", "* ", "1. ", "2) ", "> ", ">", "```", "~~~", "```py\n", "`", "``", "*", "**", "_", "__", "~~", "[", "](", ")",
  "https://example.com/a", "<https://example.com>", "<b>", "&lt;", "|", "|---|---|\n", "| a | b |\n", "---\n", "===\n", "\\", "\\\n", "\t", "    ", "é", "🎉", "Tiếng", "- [x] ", "- [ ] ",
  "!", "\r\n", "\0", "+ ", "![alt](x)", "(mailto:a@b.example)", "***", "10. ", "[a](https://example.com \"t\")", "\"",
];

/** Return a made-up document that has many marks and few rules. */
export function madeUp(seed, length = 40) {
  const next = random(seed);
  return Array.from({ length: 1 + next(length) }, () => PIECES[next(PIECES.length)]).join("");
}

/** Split a text at made-up places. */
export function split(text, seed) {
  const next = random(seed);
  const pieces = [];
  for (let at = 0; at < text.length;) {
    const end = at + 1 + next(6);
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}
