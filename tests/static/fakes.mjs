/** What a browser provides, driven by the test: timers, fetch, EventSource, WebSocket. No test sleeps. */

import { Dualstream } from "../../static/dualstream.js";

export const flush = () => new Promise((resolve) => setImmediate(resolve));

export class FakeTimers {
  now = 0;
  #next = 1;
  #waiting = new Map();

  get count() {
    return this.#waiting.size;
  }

  setTimeout = (callback, ms = 0) => {
    this.#waiting.set(this.#next, { at: this.now + ms, callback });
    return this.#next++;
  };

  clearTimeout = (timer) => {
    this.#waiting.delete(timer);
  };

  /** Advance the time and run due timers in order; settle promises after each. */
  async pass(ms) {
    const until = this.now + ms;
    await flush();
    for (;;) {
      const [timer, due] = [...this.#waiting].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!due || due.at > until) break;
      this.#waiting.delete(timer);
      this.now = due.at;
      due.callback();
      await flush();
    }
    this.now = until;
  }
}

/** A `fetch` that records its calls; the test answers them. */
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

  /** Answer with an event stream; return functions that write to it. */
  async stream(headers = {}) {
    const { signal, resolve } = this.last;
    let controller;
    const body = new ReadableStream({ start: (created) => { controller = created; } });
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

  addEventListener(...args) {
    this.listeners += 1;
    super.addEventListener(...args);
  }

  removeEventListener(...args) {
    this.listeners -= 1;
    super.removeEventListener(...args);
  }

  close() {
    this.readyState = 2;
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  /** Lose the connection; the browser reconnects, or has given up. */
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

/** Create a client with fakes. The random number is always 0.5, unless the options replace it. */
export function setUp(options = {}) {
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

/** Read an answer to its end; return its events, and the error that ended it, or null. */
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
export const on = (id, seq, event) => ({ ...event, generation_id: id, seq });

const CREATED = { id: "g_1", state: "queued", urls: {} };

/** Start an answer that is read with EventSource. */
export async function startOverSse(options) {
  const parts = setUp(options);
  const answer = parts.client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  await parts.net.answer(201, CREATED);
  return { ...parts, answer, result, source: parts.sources[0] };
}

/** Start an answer over WebSocket, up to its first event. */
export async function startOverSocket(options = {}) {
  const parts = setUp({ transport: "websocket", ...options });
  const answer = parts.client.start({ prompt: "hi" });
  const result = read(answer);
  await flush();
  const socket = parts.sockets[0];
  await socket.open();
  await socket.ack(socket.command("start"), { generation_id: "g_1" });
  await socket.say(on("g_1", 1, accepted));
  return { ...parts, answer, result, socket };
}

/** Collect the errors that would be uncaught, until the end of a test. */
export function uncaught(t) {
  const errors = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (callback) => queueMicrotask(() => { try { callback(); } catch (error) { errors.push(error); } });
  t.after(() => { globalThis.queueMicrotask = queueMicrotask; });
  return errors;
}
