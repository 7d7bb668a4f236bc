/**
 * The reply to a request that was tried: status, time, headers, and the body as it arrives.
 */

import { element } from "../common/dom.js";
import { codeBlock } from "../demo/markdown/elements.js";

const MAX_SHOWN = 200_000;
const SHOWN_HEADERS = /^(content-type|x-|ratelimit|location|retry-after|cache-control|www-authenticate|allow)/;

export class ReplyView {
  #status = element("span", { className: "status" });
  #facts = element("span", { className: "facts" });
  #headers = element("dl", { className: "headers" });
  #body = element("code");
  #pre = element("pre", { tabIndex: 0 }, this.#body);
  #abort = new AbortController();

  /** @param {string} id of the operation */
  constructor(id) {
    const head = element("p", { className: "reply-head" }, this.#status, this.#facts);
    head.setAttribute("role", "status");
    this.#pre.setAttribute("role", "group");
    this.#pre.setAttribute("aria-label", `Reply, ${id}`);
    const more = element("details", {}, element("summary", { textContent: "Headers" }), this.#headers);
    this.element = element("div", { className: "reply", hidden: true }, head, more, this.#pre);
  }

  /** Stop reading: the connection is closed. */
  stop() {
    this.#abort.abort();
  }

  /** Send a request and show its reply; return once the reply has ended. @param {string} url @param {RequestInit} init */
  async show(url, init) {
    this.stop();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#reset();
    const began = performance.now();
    const elapsed = () => `${Math.round(performance.now() - began)} ms`;
    try {
      const reply = await fetch(url, { ...init, signal });
      this.#showHead(reply, elapsed());
      await this.#showBody(reply);
      this.#facts.textContent += ` · ended after ${elapsed()}`;
    } catch (error) {
      if (signal.aborted) this.#facts.textContent += ` · stopped after ${elapsed()}`;
      else this.#fail(error);
    }
  }

  #reset() {
    this.element.hidden = false;
    this.#status.textContent = "…";
    this.#status.dataset.kind = "";
    this.#facts.textContent = "Waiting for the reply";
    this.#headers.replaceChildren();
    this.#body.replaceChildren();
    this.#pre.hidden = true;
  }

  #showHead(reply, elapsed) {
    this.#status.textContent = String(reply.status);
    this.#status.dataset.kind = String(reply.status)[0];
    this.#facts.textContent = `first byte after ${elapsed}`;
    const shown = [...reply.headers].filter(([name]) => SHOWN_HEADERS.test(name));
    this.#headers.replaceChildren(...shown.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })]));
  }

  async #showBody(reply) {
    if (!reply.body) return;
    let text = "";
    const isJson = /json/.test(reply.headers.get("content-type") ?? "");
    for await (const part of pieces(reply.body.pipeThrough(new TextDecoderStream()))) {
      if (text.length < MAX_SHOWN) text += part;
      if (!isJson) this.#showText(text);
    }
    this.#showText(isJson ? pretty(text) : text, isJson ? "json" : "text");
  }

  #showText(text, language = "text") {
    this.#pre.hidden = text === "";
    const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n… (more than is shown here)` : text;
    const follows = this.#pre.scrollTop + this.#pre.clientHeight >= this.#pre.scrollHeight - 8;
    this.#body.replaceChildren(...codeBlock(shown, language));
    if (follows && language === "text") this.#pre.scrollTop = this.#pre.scrollHeight;
  }

  #fail(error) {
    this.#status.textContent = "failed";
    this.#status.dataset.kind = "5";
    this.#facts.textContent = `${error.message}. Is the gateway running?`;
  }
}

async function* pieces(stream) {
  // Not every browser iterates a stream.
  const reader = stream.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
