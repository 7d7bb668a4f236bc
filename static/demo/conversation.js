/**
 * The turns of one pane as the messages of the next request. Pure.
 */

const NOT_RUN = "The user did not run this tool.";

/** A conversation, as `messages` of docs/reference/protocol.md. */
export class Conversation {
  /** @type {object[]} */
  #messages = [];

  /** @param {object[]} [messages] those of an earlier page */
  constructor(messages = []) {
    this.#messages = [...messages];
  }

  /** @returns {object[]} a copy of all messages */
  get messages() {
    return [...this.#messages];
  }

  /** @returns {string[]} ids of the last answer's tool calls that have no result yet */
  get openCalls() {
    const at = this.#messages.findLastIndex(({ tool_calls: calls }) => calls);
    if (at === -1) return [];
    const answered = new Set(this.#messages.slice(at + 1).map(({ tool_call_id: id }) => id));
    return this.#messages[at].tool_calls.map(({ id }) => id).filter((id) => !answered.has(id));
  }

  /**
   * Add the user's next prompt. Calls without a result get one, because providers refuse a conversation in which one is missing.
   * @param {string} prompt
   */
  ask(prompt) {
    this.#messages.push(...this.openCalls.map((id) => toolMessage(id, NOT_RUN)), { role: "user", content: prompt });
  }

  /**
   * Add an answer. One without any content is left out together with its prompt: two prompts in a row are refused, too.
   * @param {{role: "assistant", content: string|null, tool_calls?: object[]}} message
   */
  answer(message) {
    if (message.content || message.tool_calls) this.#messages.push(message);
    else if (this.#messages.at(-1)?.role === "user") this.#messages.pop();
  }

  /**
   * Add the results of tool calls.
   * @param {{id: string, content: string}[]} results
   */
  addResults(results) {
    this.#messages.push(...results.map(({ id, content }) => toolMessage(id, content)));
  }
}

const toolMessage = (id, content) => ({ role: "tool", tool_call_id: id, content });
