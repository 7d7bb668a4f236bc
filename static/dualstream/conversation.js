/**
 * A conversation of several turns: it keeps the messages, gives answers back, and resumes after a refresh. Its state is an
 * object that is replaced and never changed, and subscribers are called once per frame: a store for React, Svelte or Vue.
 */

import { errorOf, notify } from "./errors.js";
import { FrameScheduler } from "./frames.js";
import { beginAnswer, fieldsOf, inputs, requestMessages } from "./messages.js";
import { checkNames, checkTransport } from "./options.js";
import { parsePosition } from "./position.js";
import { StoredConversation } from "./storage.js";

/** @typedef {import("./types/index.js").ChatAnswer} ChatAnswer */
/** @typedef {import("./types/index.js").ConversationState} ConversationState */

export class Conversation {
  #client;
  #ownSettings;
  #settings;
  #stored;
  #isRestored = false;
  #transport;
  #messages;
  #nextId = 1;
  #error = null;
  #answer = /** @type {import("./answer.js").Answer|null} */ (null);
  #following = Promise.resolve(); // until the end of the running answer
  #start = null; // how the running answer was started, to repeat that after a refresh
  #position = null; // the last position of the running answer
  #shownFrom = 0; // the seq from which a resumed answer has what was shown before
  #first;
  #state;
  #subscribers = /** @type {Set<() => void>} */ (new Set());
  #frames = new FrameScheduler(() => this.#publish());

  /**
   * @param {import("./client.js").Dualstream} client
   * @param {import("./types/index.js").ConversationOptions} [options]
   */
  constructor(client, options = {}) {
    checkNames("new Conversation()", options);
    const { messages = [], transport = client.transport, resume, storage, ...settings } = options;
    checkTransport(transport);
    this.#client = client;
    this.#ownSettings = this.#settings = settings;
    this.#stored = new StoredConversation(resume, storage);
    this.#transport = transport;
    this.#messages = this.#identified(messages);
    this.#first = this.#state = this.#read();
  }

  get state() {
    return this.#state;
  }

  getSnapshot = () => this.#state;

  getServerSnapshot = () => this.#first;

  subscribe = (listener) => {
    const subscriber = () => listener(this.#state); // the same function may subscribe twice
    this.#subscribers.add(subscriber);
    return () => { this.#subscribers.delete(subscriber); };
  };

  send = async (input, options = {}) => {
    checkNames("send()", options);
    const added = inputs(input);
    this.#restore();
    while (this.#answer !== null) await this.#stopRunning();
    this.#messages = [...this.#messages, ...this.#identified(added)];
    await this.#run(options);
  };

  retry = async () => {
    this.#restore();
    while (this.#answer !== null) await this.#stopRunning();
    const last = this.#messages.findLastIndex(({ role }) => role !== "assistant");
    if (last === -1) return;
    this.#messages = this.#messages.slice(0, last + 1);
    await this.#run({});
  };

  stop = async (reason) => {
    const answer = this.#answer;
    try {
      await answer?.interrupt(typeof reason === "string" ? reason : undefined);
    } catch (error) {
      if (answer.error === null) throw error; // otherwise it has ended, and the state says how
    }
  };

  feedback = async (feedback, messageId) => {
    const message = messageId === undefined ? this.#last() : this.#messages.find(({ id }) => id === messageId);
    if (this.#answer !== null && message === this.#last()) return this.#answer.feedback(feedback);
    if (!message?.generationId) throw new TypeError("feedback(): there is no answer to send it to.");
    return this.#client.feedback(message.generationId, feedback);
  };

  resume = async () => {
    this.#restore();
    const message = this.#last();
    if (this.#answer !== null) {
      if (this.#answer.retrying !== null) this.#answer.reconnect();
      return true;
    }
    if (message === undefined || message.end !== null || (message.generationId === null && this.#start === null)) return false;
    this.#error = null;
    this.#shownFrom = parsePosition(this.#position ?? "")?.seq ?? 0;
    this.#update({ state: "running" });
    const options = this.#reading();
    const { generationId } = message;
    this.#following = this.#follow(generationId === null
      ? this.#client.start(this.#request(this.#start), { ...options, idempotencyKey: this.#start.key })
      : this.#client.attach(generationId, options));
    return true;
  };

  setTransport = (transport) => {
    checkTransport(transport);
    this.#transport = transport;
    // It fails only if the answer ends before the gateway has accepted it, and then the state says so.
    this.#answer?.moveTo(transport).catch(() => {});
    this.#publish();
  };

  setMessages = async (messages) => {
    const replaced = this.#identified(messages);
    while (this.#answer !== null) await this.#stopRunning();
    this.#isRestored = true;
    this.#messages = replaced;
    this.#start = this.#error = null;
    this.#save();
    this.#publish();
  };

  configure = (settings) => {
    checkNames("configure()", settings);
    this.#settings = { ...this.#ownSettings, ...defined(settings) };
  };

  detach = () => {
    const answer = this.#answer;
    if (answer === null) return;
    this.#copy();
    this.#answer = null;
    answer.detach();
    this.#publish();
  };

  /** Messages with an id each. Those that an earlier conversation has identified keep theirs. */
  #identified(messages) {
    return messages.map((message) => {
      const number = /^m(\d+)$/.exec(message.id ?? "")?.[1];
      this.#nextId = Math.max(this.#nextId, Number(number ?? 0) + 1);
      const id = message.id ?? `m${this.#nextId++}`;
      return message.role === "assistant" ? { ...beginAnswer(id), state: "complete", ...fieldsOf(message), id } : { ...message, id };
    });
  }

  /** @returns {ChatAnswer|undefined} the last message, if it is an answer */
  #last() {
    const last = this.#messages.at(-1);
    return last?.role === "assistant" ? last : undefined;
  }

  /** Change the last answer, which is a new object then. */
  #update(fields) {
    this.#messages = [...this.#messages.slice(0, -1), { ...this.#last(), ...fields }];
  }

  #request({ model, options, metadata }) {
    return { messages: requestMessages(this.#messages), ...defined({ model, options, metadata }) };
  }

  #run(turn) {
    this.#isRestored = true;
    this.#error = null;
    this.#shownFrom = 0;
    const { model, options, metadata } = { ...this.#settings, ...defined(turn) };
    this.#start = { key: crypto.getRandomValues(new Uint32Array(4)).join("-"), ...defined({ model, options, metadata }) };
    const request = this.#request(this.#start);
    this.#messages = [...this.#messages, ...this.#identified([{ ...beginAnswer(undefined), role: "assistant" }])];
    this.#save();
    this.#following = this.#follow(this.#client.start(request, { ...this.#reading(), idempotencyKey: this.#start.key }));
    return this.#following;
  }

  #reading() {
    return {
      transport: this.#transport,
      onEvent: (event, answer) => this.#onEvent(event, answer),
      onState: (answer) => { if (answer === this.#answer) this.#publish(); },
    };
  }

  #onEvent(event, answer) {
    if (event.type === "accepted") {
      this.#update({ generationId: event.generation_id });
      this.#save();
    }
    notify(this.#settings.onEvent, event, answer);
    this.#frames.schedule();
  }

  /** Read an answer to its end. */
  async #follow(answer) {
    this.#answer = answer;
    this.#publish();
    const error = await answer.finished.then(() => null, (reason) => reason);
    if (this.#answer !== answer) return; // detached, and perhaps resumed
    if (answer.state === "detached") return this.detach();
    this.#copy();
    this.#answer = null;
    const stoppedEarly = error?.code === "aborted";
    this.#error = stoppedEarly ? null : error;
    this.#update({ state: stoppedEarly ? "interrupted" : answer.terminal?.type ?? "error", end: answer.terminal });
    if (!error?.retryable) this.#start = null;
    this.#save();
    this.#publish();
    if (this.#error === null) notify(this.#settings.onFinish, this.#last());
    else notify(this.#settings.onError, this.#error);
  }

  /** Stop the running answer, and wait for its end. */
  async #stopRunning() {
    const answer = this.#answer;
    try {
      await answer.interrupt();
      await this.#following;
    } catch {
      // The gateway can't be reached: its disconnect policy ends the generation.
      if (this.#answer !== answer) return;
      this.detach();
      this.#update({ state: "interrupted" });
    }
  }

  #restore() {
    if (this.#isRestored) return;
    this.#isRestored = true;
    const stored = this.#stored.load();
    if (stored === null) return;
    this.#messages = this.#identified(stored.messages);
    this.#start = stored.start;
    const last = this.#last();
    if (last?.end?.type === "error") this.#error = errorOf(last.end);
    this.#publish();
  }

  #save() {
    this.#stored.save({ messages: this.#messages, start: this.#start });
  }

  /** Copy what the running answer has so far into its message; after a resume, once it has what was shown before. */
  #copy() {
    const answer = this.#answer;
    if (answer === null) return;
    const seq = parsePosition(answer.position ?? "")?.seq ?? 0;
    if (seq < this.#shownFrom && answer.terminal === null) return;
    this.#position = answer.position;
    const { text, reasoning, reasoningDetails, toolCalls, parts, revision, id } = answer;
    const last = this.#last();
    const fields = { content: text, reasoning, reasoningDetails, toolCalls, parts, revision, generationId: id ?? last.generationId };
    if (Object.entries(fields).some(([name, value]) => last[name] !== value)) this.#update(fields);
  }

  #publish() {
    this.#frames.cancel();
    this.#copy();
    this.#state = this.#read();
    for (const subscriber of [...this.#subscribers]) notify(subscriber);
  }

  /** @returns {ConversationState} */
  #read() {
    const answer = this.#answer;
    const last = this.#messages.findLast(({ role }) => role === "assistant");
    const hasContent = last !== undefined && Boolean(last.content || last.reasoning || last.toolCalls.length || last.parts.length);
    return Object.freeze({
      messages: this.#messages,
      status: answer === null ? (this.#error === null ? "ready" : "error") : hasContent ? "streaming" : "submitted",
      error: this.#error,
      text: last?.content ?? "",
      reasoning: last?.reasoning ?? "",
      generationId: last?.generationId ?? null,
      transport: answer?.transport ?? this.#transport,
      connection: answer?.state ?? null,
      queue: answer?.queue ?? null,
      retrying: answer?.retrying ?? null,
      usage: last?.end?.usage ?? null,
      metrics: last?.end?.metrics ?? null,
      costUsd: last?.end?.cost_usd ?? null,
    });
  }
}

/** Return the fields that have a value. */
function defined(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
