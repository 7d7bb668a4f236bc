/**
 * What the provider says, in no API: a word in the user's last message selects it, as in `KIT:tool`.
 */

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Tokens of an answer. `input` includes `cached`; `reasoning` comes in addition, where the answer has any. */
export const USAGE = { input: 21, cached: 8, output: 9, reasoning: 3 };
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const WORDS = "The quick brown fox jumps over the lazy dog.".match(/\S+\s*/g);
const TOOL_WORDS = "It is 21 degrees in Paris.".match(/\S+\s*/g);
const THOUGHTS = ["First ", "I ", "compare."];
const PIXEL_BYTES = Buffer.from(PIXEL, "base64");
const PACE_MS = 10;
const SLOW = { words: 400, paceMs: 50 };
const LATE_MS = 3000;
/** Milliseconds in the middle of an answer, by its word: in one, httpx gives up, which reads for 5 s by default. */
const PAUSES = { halves: 500, pause: 6500 };
const BEFORE_FAILURE = 4; // words of text before an error, or a cut
const REFUSED = 400;
const BUSY = 429;

/** Arguments of a call, by the tool's name: those of the drivers, of Claude Code and of Codex. */
const TOOL_ARGUMENTS = {
  get_weather: { city: "Paris" },
  Bash: { command: "echo kit-tool-ok", description: "Prints a word" },
  exec_command: { cmd: "echo kit-tool-ok" },
};

const BROKEN = "price + discount";
const FIXED = "price - discount";
/** The steps in which an agent fixes a bug in a folder: read, edit, test. */
const FIX = {
  Edit: (folder) => [
    { name: "Read", args: { file_path: `${folder}/price.py` } },
    { name: "Edit", args: { file_path: `${folder}/price.py`, old_string: BROKEN, new_string: FIXED } },
    { name: "Bash", args: { command: "python3 test_price.py", description: "Runs the test" } },
  ],
  exec_command: (folder) => [
    { name: "exec_command", args: { cmd: "cat price.py", workdir: folder } },
    { name: "exec_command", args: { cmd: `sed -i 's/${BROKEN}/${FIXED}/' price.py`, workdir: folder } },
    { name: "exec_command", args: { cmd: "python3 test_price.py", workdir: folder } },
  ],
};

/**
 * A request, as the script reads it.
 * @typedef {object} Ask
 * @property {string} prompt the user's last message with a word of the script
 * @property {string[]} tools names of the tools offered
 * @property {string[]} results results of tools since that message
 * @property {string[]} images base64 data of its images
 * @property {string[][]} turns role and text of each message of a conversation
 */

/** @returns {string} the word of the script in a prompt; without one, `text` */
export const wordOf = (prompt) => prompt.match(/KIT:(\w+)/)?.[1] ?? "text";

/** @returns {string} the text of a message's content, in any API */
export function textOf(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => part.text ?? textOf(part.content ?? part.output)).join("\n");
}

/** @returns {string} the last of these texts with a word of the script */
export const promptOf = (texts) => texts.filter((text) => text.includes("KIT:")).at(-1) ?? "";

/** @returns {string|undefined} the base64 data of a data: URL */
export const dataOf = (url) => url?.match(/^data:image\/png;base64,(.+)$/)?.[1];

/** @returns {boolean} whether the answer to this request has reasoning */
export const hasReasoning = (ask) => wordOf(ask.prompt) === "think" && ask.results.length === 0;

/** Both alphabets of base64 are in use: Gemini's clients send the one for URLs. */
const isPixel = (data) => data !== undefined && Buffer.from(data, "base64").equals(PIXEL_BYTES);

const busySeen = new Set();
const failed = new Set();

/** @returns {boolean} whether an answer fails that would succeed the second time; then it will */
function failsFirst(prompt) {
  if (failed.delete(prompt)) return false;
  failed.add(prompt);
  return true;
}

/** Refuse a request before its answer. @returns {{status: number, message: string}|null} null: it is answered */
export function refusal(ask, api) {
  const word = wordOf(ask.prompt);
  if (word === "error") return { status: REFUSED, message: "KIT refuses this request" };
  if (word === "image" && !isPixel(ask.images[0])) return { status: REFUSED, message: "KIT sees no image" };
  if (word !== "busy") return null;
  if (busySeen.delete(api)) return null;
  busySeen.add(api);
  return { status: BUSY, message: "KIT is busy" };
}

/**
 * The steps of an answer: `{text}`, `{thought}`, `{tool}`, `{wait}` in milliseconds, `{fail}` (an error in the stream), `{cut}`.
 * @param {Ask} ask
 */
export async function* steps(ask) {
  const word = wordOf(ask.prompt);
  if (word === "fix") yield* fix(ask);
  else if (ask.results.length > 0) yield* paced(TOOL_WORDS, "text");
  else if (word === "tool" && ask.tools.length > 0) yield { tool: toolCall(ask.tools) };
  else if (word === "slow") yield* slow();
  else {
    if (word === "late") yield { wait: LATE_MS };
    if (word === "think") yield* paced(THOUGHTS, "thought");
    const end = word === "flaky" && failsFirst(ask.prompt) ? "fail" : word;
    yield* paced(WORDS.slice(0, BEFORE_FAILURE), "text");
    if (end === "fail" || end === "cut") return yield { [end]: true };
    if (word in PAUSES) yield { wait: PAUSES[word] };
    yield* paced(WORDS.slice(BEFORE_FAILURE), "text");
  }
}

async function* paced(words, kind) {
  for (const word of words) {
    await sleep(PACE_MS);
    yield { [kind]: word };
  }
}

async function* slow() {
  for (let index = 0; index < SLOW.words; index++) {
    await sleep(SLOW.paceMs);
    yield { text: `word${index} ` };
  }
}

function toolCall(names) {
  const name = Object.keys(TOOL_ARGUMENTS).find((known) => names.includes(known)) ?? names[0];
  return { name, args: JSON.stringify(TOOL_ARGUMENTS[name] ?? {}) };
}

/** One step for each result of a tool; at the end, the last result in words. */
async function* fix(ask) {
  const folder = ask.prompt.match(/KIT:fix (\/\S+)/)?.[1] ?? ".";
  const editor = Object.keys(FIX).find((name) => ask.tools.includes(name));
  const step = FIX[editor](folder)[ask.results.length];
  if (step) yield { tool: { name: step.name, args: JSON.stringify(step.args) } };
  else yield* paced(`I fixed price.py. The test says: ${ask.results.at(-1)}`.match(/\S+\s*/g), "text");
}
