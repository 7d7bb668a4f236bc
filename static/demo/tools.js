/**
 * Tool calls of an answer, as cards: arguments while they arrive, and a field for the result, with which the next turn goes on.
 */

import { element, setText } from "../common/dom.js";

/** Results that fit the tools of the simulator; any other tool gets the last one. */
const SUGGESTIONS = [
  [/weather/i, { temperature_c: 23, sky: "clear", wind_kmh: 8 }],
  [/search|find|lookup/i, { results: [{ title: "An example", url: "https://example.com" }] }],
  [/./, { ok: true }],
];

/**
 * Return arguments as a person reads them; those that are not complete JSON yet as they are.
 * @param {string} json
 * @returns {string}
 */
export function formatArguments(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return json;
    throw error;
  }
}

/**
 * Return a result to begin with.
 * @param {string|null} name of the tool
 * @returns {string}
 */
export function suggestedResult(name) {
  return JSON.stringify(SUGGESTIONS.find(([pattern]) => pattern.test(name || "x"))[1]);
}

export class ToolCards {
  #root;
  #cards = /** @type {Map<number, {id: string, code: HTMLElement, title: HTMLElement, body: HTMLElement, field: HTMLTextAreaElement|null, name: string}>} */ (new Map());
  #send = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** Show the calls as far as they have come. @param {{index: number, id: string, name: string, arguments: string}[]} calls */
  show(calls) {
    this.#root.hidden = calls.length === 0;
    for (const { index, id, name, arguments: json } of calls) {
      const card = this.#cards.get(index) ?? this.#add(index);
      Object.assign(card, { id, name: name ?? "" });
      setText(card.title, name ?? "…");
      setText(card.code, formatArguments(json));
    }
  }

  /**
   * Ask for the results.
   * @param {(results: {id: string, content: string}[]) => void} onResults called once, with the result of each call
   */
  ask(onResults) {
    if (this.#cards.size === 0 || this.#send !== null) return;
    for (const card of this.#cards.values()) {
      card.field = /** @type {HTMLTextAreaElement} */ (element("textarea", { rows: 1, value: suggestedResult(card.name), spellcheck: false }));
      const label = element("label", { className: "tool-result" }, element("span", { textContent: "Result" }), card.field);
      card.body.append(label);
    }
    this.#send = element("button", { type: "button", className: "tool-send", textContent: this.#cards.size === 1 ? "Send result" : `Send ${this.#cards.size} results`, data: { role: "send-results" } });
    this.#send.addEventListener("click", () => {
      const results = [...this.#cards.values()].map(({ id, field }) => ({ id, content: field.value }));
      this.close();
      onResults(results);
    });
    this.#root.append(this.#send);
  }

  /** Take no more results: they were sent, or the user went on without them. */
  close() {
    this.#send?.remove();
    this.#send = null;
    for (const { field } of this.#cards.values()) if (field) field.readOnly = true;
  }

  clear() {
    this.#cards.clear();
    this.#send = null;
    this.#root.replaceChildren();
    this.#root.hidden = true;
  }

  #add(index) {
    const [title, code] = [element("strong"), element("code")];
    const source = element("pre", { tabIndex: 0 }, code);
    source.setAttribute("role", "group");
    source.setAttribute("aria-label", "Arguments");
    const body = element("div", { className: "tool-card" }, element("p", { className: "tool-title" }, "calls ", title), source);
    this.#root.append(body);
    const card = { id: "", name: "", code, title, body, field: null };
    this.#cards.set(index, card);
    return card;
  }
}
