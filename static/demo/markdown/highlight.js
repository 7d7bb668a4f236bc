/**
 * Colours for source code: comments, strings, numbers and the commonest words of many languages. Pure.
 */

const WORDS = new Set((
  "abstract and as async await begin bool break case catch char class const constexpr continue def default defer del delete do double elif else end enum "
  + "except export extends extern false False final finally float fn for from func function global go goto if impl implements import in "
  + "include instanceof int interface is lambda let long loop match mod module mut namespace new nil None nonlocal not null of or override "
  + "package pass private protected pub public raise readonly require return self short static string struct super switch then this throw "
  + "throws trait true True try type typeof undefined union unless unsafe until use using var virtual void when where while with yield "
  + "SELECT FROM WHERE INSERT INTO UPDATE DELETE JOIN ON GROUP ORDER BY LIMIT CREATE TABLE VALUES AND OR NOT NULL AS"
).split(" "));
const HASH_COMMENTS = new Set(["", "py", "python", "sh", "bash", "shell", "zsh", "console", "yaml", "yml", "toml", "rb", "ruby", "make", "makefile", "r", "perl", "dockerfile", "ini", "nginx"]);
const SLASHES_ARE_TEXT = new Set(["py", "python", "sh", "bash", "shell", "yaml", "yml", "toml", "rb", "ruby", "html", "xml", "markdown", "md", "text", "txt"]);
const PLAIN = new Set(["text", "txt", "plain", "plaintext", "markdown", "md", "diff", "log"]);
const SLASHES = String.raw`\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)`;
const HASH = String.raw`#[^\n]*`;
const REST = String.raw`("(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|${"`"}(?:[^${"`"}\\]|\\.)*${"`"}?)|(\b\d[\d_.]*(?:e[+-]?\d+)?\b|\b0x[\da-f]+\b)|([A-Za-z_$][\w$]*)`;
const KINDS = /** @type {const} */ ([null, "comment", "text", "number", "word"]);

/**
 * Divide source code into pieces to be coloured.
 * @param {string} text
 * @param {string} [language] as after the fence
 * @returns {["" | "comment" | "text" | "number" | "word", string][]} all pieces, in order
 */
export function highlight(text, language = "") {
  const name = language.toLowerCase();
  if (PLAIN.has(name)) return text === "" ? [] : [["", text]];
  const pieces = /** @type {["" | "comment" | "text" | "number" | "word", string][]} */ ([]);
  let plain = 0;
  for (const match of text.matchAll(tokensOf(name))) {
    const kind = KINDS[match.findIndex((part, index) => index > 0 && part !== undefined)];
    if (kind === "word" && !WORDS.has(match[0])) continue;
    if (match.index > plain) pieces.push(["", text.slice(plain, match.index)]);
    pieces.push([kind, match[0]]);
    plain = match.index + match[0].length;
  }
  if (plain < text.length) pieces.push(["", text.slice(plain)]);
  return pieces;
}

/** Comments differ: `//` divides in Python, and `#` is part of a name in JavaScript. */
function tokensOf(language) {
  const comments = [SLASHES_ARE_TEXT.has(language) ? "" : SLASHES, HASH_COMMENTS.has(language) ? HASH : ""].filter(Boolean).join("|");
  return new RegExp(`(${comments || "(?!)"})|${REST}`, "gi");
}
