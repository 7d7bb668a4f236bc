/** What a browser gives the client, moved by hand: time, fetch, EventSource, WebSocket. No test sleeps. */

import { Dualstream } from "../../static/dualstream.js";

export const flush = () => new Promise((resolve) => setImmediate(resolve));

export class FakeTimers {
  now = 0;
  #next = 1;
  #waiting = new Map();

  get count() {
    return this.#waiting.size;
  }

  setTimeout = (then, ms = 0) => {
    this.#waiting.set(this.#next, { at: this.now + ms, then });
    return this.#next++;
  };

  clearTimeout = (timer) => {
    this.#waiting.delete(timer);
  };

  /** Let time pass, firing what falls due in order, with promises settled after each. */
  async pass(ms) {
    const until = this.now + ms;
    await flush();
    for (;;) {
      const [timer, due] = [...this.#waiting].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!due || due.at > until) break;
      this.#waiting.delete(timer);
      this.now = due.at;
      due.then();
      await flush();
    }
    this.now = until;
  }
}

/** A `fetch` whose calls are kept and answered by the test. */
export class FakeFetch {
  calls = [];

  fetch = (url, init = {}) =>
    new Promise((resolve, reject) => {
      const call = { url, method: init.method ?? "GET", credentials: init.credentials, headers: init.headers ?? {}, body: init.body && JSON.parse(init.body), signal: init.signal, resolve, reject };
      init.signal?.addEventListener("abort", () => reject(init.signal.reason));
      this.calls.push(call);
    });

  get last() {
    return this.calls.at(-1);
  }

  async answer(status, body, headers = {}) {
    this.last.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers }));
    await flush();
  }

  /** Answer with an event stream; gives what writes to it. */
  async stream(headers = {}) {
    const { signal, resolve } = this.last;
    let controller;
    const body = new ReadableStream({ start: (given) => { controller = given; } });
    signal?.addEventListener("abort", () => { try { controller.error(signal.reason); } catch { /* already closed */ } });
    resolve(new Response(body, { status: 200, headers: { "Content-Type": "text/event-stream", ...headers } }));
    await flush();
    const bytes = new TextEncoder();
    return {
      write: async (text) => { controller.enqueue(bytes.encode(text)); await flush(); },
      end: async () => { controller.close(); await flush(); },
      cut: async () => { controller.error(new TypeError("terminated")); await flush(); },
    };
  }
}

export class FakeEventSource extends EventTarget {
  static made = [];
  readyState = 0;
  listeners = 0;

  constructor(url, { withCredentials }) {
    super();
    this.url = url;
    this.withCredentials = withCredentials;
    FakeEventSource.made.push(this);
  }

  addEventListener(...given) {
    this.listeners += 1;
    super.addEventListener(...given);
  }

  removeEventListener(...given) {
    this.listeners -= 1;
    super.removeEventListener(...given);
  }

  close() {
    this.readyState = 2;
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  /** The connection broke; the browser is on its way back, or has given up. */
  fail({ forever = false } = {}) {
    this.readyState = forever ? 2 : 0;
    this.dispatchEvent(new Event("error"));
  }

  say(id, event) {
    const name = event.type === "chunk" ? "message" : event.type;
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(event), lastEventId: id }));
  }
}

export class FakeWebSocket {
  static made = [];
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.made.push(this);
  }

  send(frame) {
    if (this.readyState !== 1) throw new Error("not open");
    this.sent.push(JSON.parse(frame));
  }

  close() {
    this.readyState = 3;
  }

  async open() {
    this.readyState = 1;
    this.onopen?.();
    await flush();
  }

  async say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
    await flush();
  }

  async ack(command, more = {}) {
    await this.say({ type: "ack", id: command.id, ...more });
  }

  async lose(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
    await flush();
  }

  command(type) {
    return this.sent.findLast((message) => message.type === type);
  }
}

/** A client among fakes. Chance is always 0.5, unless the test says otherwise. */
export function among(options = {}) {
  FakeEventSource.made = [];
  FakeWebSocket.made = [];
  const timers = new FakeTimers();
  const net = new FakeFetch();
  const client = new Dualstream({
    baseURL: "http://gateway.test",
    ...options,
    environment: {
      fetch: net.fetch,
      EventSource: FakeEventSource,
      WebSocket: FakeWebSocket,
      setTimeout: timers.setTimeout,
      clearTimeout: timers.clearTimeout,
      now: () => timers.now,
      random: () => 0.5,
      uuid: () => "key-1",
      origin: null,
      ...options.environment,
    },
  });
  return { client, timers, net, sources: FakeEventSource.made, sockets: FakeWebSocket.made };
}

/** Read an answer to its end; gives its events, and the error it ended with, if any. */
export async function read(answer) {
  const events = [];
  try {
    for await (const event of answer) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events, error: null };
}

export const accepted = { type: "accepted", generation_id: "g_1", request_id: "r", model: "sim" };
export const chunk = (content) => ({ type: "chunk", content });
export const complete = { type: "complete", finish_reason: "stop", usage: null, cost_usd: null, metrics: { chunks: 2 } };
export const frame = (seq, event) =>
  `id: g_1:${seq}\n${event.type === "chunk" ? "" : `event: ${event.type}\n`}data: ${JSON.stringify(event)}\n\n`;
