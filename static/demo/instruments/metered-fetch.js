/**
 * `fetch` that records what it sends and receives. The caller gets the same response; its body is counted on the way.
 */

import { ABORTED } from "./wire-log.js";
import { responseHeadLength, utf8Length } from "./wire-size.js";

/**
 * Build a metered `fetch`.
 * @param {import("./wire-log.js").WireLog} log
 * @param {typeof fetch} fetch
 * @returns {typeof fetch}
 */
export function meteredFetch(log, fetch) {
  return async (url, init = {}) => {
    const connection = log.nextConnection();
    const add = (fields) => log.add({ connection, carrier: "http", ...fields });
    const { method = "GET", body = "" } = init;
    add({ kind: "request", direction: "out", bytes: utf8Length(body), text: requestText(method, url, body) });
    let response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      add({ kind: "lost", text: init.signal?.aborted ? ABORTED : "no response" });
      throw error;
    }
    add({ kind: "open", head: visibleHead(response), text: `${response.status} ${response.statusText}` });
    if (!response.body) return response;
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(bodyMeter(add, init.signal)), { status, statusText, headers });
  };
}

/** Return the head's bytes if the page can see all of it: of a response of its own origin, over HTTP/1.1. */
function visibleHead(response) {
  return response.type === "basic" ? responseHeadLength(response) : null;
}

function requestText(method, url, body) {
  const { pathname, search } = new URL(url, globalThis.location?.href);
  // A ticket in the address is a credential: the view of the wire is copied and shown.
  return `${method} ${pathname}${search.replace(/(ticket=)[^&]*/, "$1…")}${body && ` ${body}`}`;
}

/** Count the bytes of each read; split text at empty lines, so that the view shows frames and not reads. */
function bodyMeter(add, signal) {
  const splitter = new FrameSplitter();
  const report = (frames) => { for (const text of frames) add({ kind: "frame", bytes: utf8Length(text), text }); };
  let ended = false;
  const abort = () => {
    if (ended) return;
    ended = true;
    report(splitter.end());
    add({ kind: "lost", text: ABORTED });
  };
  signal?.addEventListener("abort", abort, { once: true });
  return new TransformStream({
    transform(bytes, controller) {
      // Recorded before the client sees them, so that an event's frame stands before the event.
      if (!ended) report(splitter.push(bytes));
      controller.enqueue(bytes);
    },
    flush() {
      signal?.removeEventListener("abort", abort);
      if (ended) return;
      ended = true;
      report(splitter.end());
      add({ kind: "end" });
    },
  });
}

/** Splits a body after each empty line (the end of an event in text/event-stream); the rest comes at the end. */
export class FrameSplitter {
  #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";

  /** @param {Uint8Array} bytes @returns {string[]} the frames that they complete */
  push(bytes) {
    this.#rest += this.#utf8.decode(bytes, { stream: true });
    const frames = this.#rest.split(/(?<=\n\n)/);
    this.#rest = frames.at(-1).endsWith("\n\n") ? "" : frames.pop();
    return frames.filter(Boolean);
  }

  /** @returns {string[]} what is left */
  end() {
    const rest = this.#rest + this.#utf8.decode();
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
