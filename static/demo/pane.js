/**
 * One pane of the demo page: a transport, and a conversation on it. `pane/observer.js` describes what observers get.
 */

import { Conversation } from "./conversation.js";
import { fromTemplate, setText } from "../common/dom.js";
import { FeedbackForm } from "./feedback.js";
import { failureMessage, formatDuration, formatMillis, stateMessage, usageMessage } from "./messages.js";
import { Absence } from "./pane/absence.js";
import { createEventHandlers } from "./pane/event-handlers.js";
import { FollowEnd } from "./pane/follow-end.js";
import { resumeOf, savedTurn } from "./pane/saved-turn.js";
import { TransportView } from "./pane/transport-view.js";
import { TRANSPORTS, availableTransports, shownTransport } from "./transports.js";
import { Turn } from "./turn.js";
import { Dualstream } from "../dualstream.js";

const OFFLINE_MS = 2000; // how long "Cut" stays offline
const SILENCE_MS = 4000; // a pause of the stream after which the pane shows a message
const TERMINAL = new Set(["complete", "interrupted", "error"]);

/** A pane has a client of its own, so that cutting the connection of one leaves the other alone. */
export class Pane {
  /** @type {HTMLElement} */
  root;
  /** @type {"left"|"right"} */
  name;
  #client = null;
  #token = null;
  #environment;
  #observers = [];
  #transport;
  #answer = null;
  #turn = null;
  #run = null;
  #conversation = new Conversation();
  #handlers = {};
  #end;
  #transportView;
  #elements = new Map();
  #feedback;
  #past = /** @type {object[]} */ ([]); // turns before the last one, as they are stored

  /**
   * @param {HTMLElement} root
   * @param {{environment?: object}} [options] `environment`: that of the client, see `ClientOptions`
   */
  constructor(root, { environment } = {}) {
    this.root = root;
    this.name = root.dataset.pane;
    this.#transport = root.dataset.home;
    this.#environment = environment;
    root.append(fromTemplate("pane"));
    this.#part("title").id = `title-${this.name}`;
    this.setToken(null);
    this.#end = new FollowEnd(this.#part("scroll"));
    this.#transportView = new TransportView(this, (role) => this.#part(role));
    this.#addListeners();
    this.#showTransport();
    this.#showControls();
    setInterval(() => this.#showSilence(), 1000);
  }

  get isRunning() {
    return this.#answer !== null && !["complete", "interrupted", "error", "detached"].includes(this.#answer.state);
  }

  /** @returns {import("../dualstream.js").Answer|null} the answer of the last turn */
  get answer() {
    return this.#answer;
  }

  /** @returns {string} the transport of the current or next answer */
  get transport() {
    return this.#transport;
  }

  /** @param {import("./pane/observer.js").PaneObserver} observer */
  observe(observer) {
    this.#observers.push(observer);
  }

  /** Return the element for a measurement; null if the page has none. @param {string} name */
  slot(name) {
    return this.root.querySelector(`[data-slot="${name}"]`) ?? document.querySelector(`.lab [data-pane="${this.name}"] [data-slot="${name}"]`);
  }

  /** Use this key from now on. A running answer is detached. @param {string|null} token */
  setToken(token) {
    this.#token = token;
    this.#client?.close();
    this.#client = new Dualstream({ keepOpen: true, token, ...(this.#environment && { environment: this.#environment }) });
  }

  /** Create another client with this pane's key, for a measurement of its own. @param {object} [options] of `ClientOptions` */
  createClient(options = {}) {
    return new Dualstream({ token: this.#token, ...options });
  }

  contains(node) {
    return this.root.contains(node);
  }

  /** Focus the text, so that keys mean this pane. */
  focus() {
    this.#part("scroll").focus();
  }

  focusFeedback() {
    this.#feedback.focus();
  }

  /**
   * Send the next prompt of this pane's conversation; interrupt a running answer first.
   * @param {string} prompt
   * @param {object} request what else the body has: `model`, `options`
   */
  start(prompt, request) {
    this.#leave("replaced by a new prompt");
    this.#conversation.ask(prompt);
    this.#request(prompt, request);
  }

  /** Continue with the results of the last answer's tool calls. @param {{id: string, content: string}[]} results */
  #giveResults(results) {
    const { request } = this.#run;
    this.#leave("replaced by the results of its tools");
    this.#conversation.addResults(results);
    this.#request(null, request);
  }

  /** Send the last request again, after an error. */
  #retry() {
    const { request, messages } = this.#run;
    this.#leave("replaced by a new attempt");
    this.#conversation = new Conversation(messages);
    this.#request(null, request);
  }

  #request(prompt, request) {
    const messages = this.#conversation.messages;
    this.#begin("start", prompt, (listeners) => this.#client.start({ ...request, messages }, { transport: this.#transport, ...listeners }), { request, messages });
  }

  /** Show a generation from its beginning, such as the turn of another client. A running answer is detached, not stopped. */
  watch(generationId) {
    if (this.isRunning) this.#answer.detach();
    this.clear();
    this.#begin("watch", null, (listeners) => this.#client.attach(generationId, { transport: this.#transport, ...listeners }));
    this.#turn.showGeneration(generationId);
  }

  /** Start a new conversation; interrupt a running answer first. */
  clear() {
    if (this.isRunning) {
      this.#answer.interrupt("replaced by a new conversation").catch(() => {});
      this.#answer.detach();
    }
    this.#conversation = new Conversation();
    this.#run?.absence.cancel();
    this.#answer = this.#turn = this.#run = null;
    this.#part("turns").replaceChildren();
    this.#part("state").dataset.state = "idle";
    for (const [role, text] of [["state", "Ready."], ["detail", ""], ["stop-time", ""]]) this.#setText(role, text);
    this.#feedback.clear();
    this.#past = [];
    this.root.dataset.state = "idle";
    this.#tell("onClear");
    this.#showControls();
  }

  /** @returns {{transport: string, messages: object[], turns: object[]}} what `restore` takes */
  get saved() {
    const turns = this.#answer === null || this.#run.kind === "watch" ? [] : [...this.#past, savedTurn(this.#turn, this.#answer, this.#run)];
    return { transport: this.#transport, messages: this.#conversation.messages, turns };
  }

  /** Show what an earlier page has stored, and go on reading its last answer. @param {ReturnType<Pane["saved"]>} saved */
  restore({ transport, messages, turns }) {
    if (turns.length === 0) return;
    this.clear();
    this.#setTransport(availableTransports().includes(transport) ? transport : this.#transport);
    this.#conversation = new Conversation(messages);
    this.#past = turns.slice(0, -1);
    for (const turn of this.#past) this.#showPast(turn);
    const last = turns.at(-1);
    const { generation: id } = last;
    if (id === "") return this.#showPast(last); // it had no id yet: nothing to continue with
    const { after, isRunning, options, kept } = resumeOf(last);
    this.#begin("resume", last.prompt, (listeners) => this.#client.attach(id, { after, ...options, transport: this.#transport, ...listeners }), last);
    Object.assign(this.#answer, kept);
    this.#turn.restore(last, last.answer);
    if (isRunning) this.#run.absence.begin(performance.now(), { afterRefresh: true });
    this.#end.scroll();
  }

  #showPast(saved) {
    const turn = this.#addTurn(saved.prompt, 0);
    turn.restore(saved, saved.answer);
    turn.source = saved.answer.text;
    turn.end(saved.answer.state);
    this.#part("empty").hidden = true;
  }

  async interrupt() {
    if (!this.isRunning || this.#run.clickedStop !== null) return;
    const run = this.#run;
    run.clickedStop = performance.now();
    this.#tell("onCommand", { at: run.clickedStop, name: "interrupt" });
    this.#setText("stop-time", "Stopping…");
    try {
      await this.#answer.interrupt("interrupted on the demo page");
    } catch (error) {
      run.clickedStop = null;
      if (run === this.#run) this.#setText("stop-time", `Could not stop it. ${failureMessage(error.code)}`);
    }
  }

  /** Cut the connection for two seconds. */
  cutConnection() {
    if (!this.isRunning || this.#answer.id === null || this.#answer.state === "offline") return;
    const at = performance.now();
    this.#tell("onCommand", { at, name: "plug" });
    this.#run.cutByUser = true;
    this.#turn.addNotice("You cut the connection.", at);
    this.#answer.drop(OFFLINE_MS);
    this.#run.cutByUser = false;
  }

  /** Use this transport: for a running answer at once, from its position; else for the next one. @param {string} transport */
  async useTransport(transport) {
    const from = this.#transport;
    if (transport === from) return;
    const answer = this.isRunning ? this.#answer : null;
    if (answer === null) return this.#setTransport(transport);
    this.#tell("onCommand", { at: performance.now(), name: "handover" });
    await answer.moveTo(transport).catch(() => {});
    if (answer !== this.#answer || !this.isRunning) return;
    const at = performance.now();
    this.#tell("onTransport", { at, from, to: transport });
    const seq = answer.position?.split(":").pop() ?? 0;
    this.#turn.addNotice(`Switched from ${TRANSPORTS[from].name} to ${TRANSPORTS[transport].name} after event ${seq}.`, at);
  }

  #leave(reason) {
    if (this.isRunning) {
      this.#answer.interrupt(reason).catch(() => {});
      this.#answer.detach();
    }
    if (this.#answer === null) return;
    if (this.#run.kind === "watch") this.clear();
    else {
      this.#conversation.answer(this.#answer.message());
      this.#turn.source = this.#answer.text;
      this.#past.push(savedTurn(this.#turn, this.#answer, this.#run));
    }
    this.#turn?.end(this.#answer.state);
    this.#turn?.tools.close();
  }

  #begin(kind, prompt, createAnswer, { request = null, messages = [] } = {}) {
    const at = performance.now();
    this.#run?.absence.cancel();
    this.#run = {
      kind, request, messages, startedAt: at, upstreamRetry: null, feedback: new Map(), clickedStop: null, received: 0, lastTextAt: null,
      cutByUser: false,
    };
    for (const role of ["stop-time", "detail"]) this.#setText(role, "");
    this.#feedback.clear();
    this.#turn = this.#addTurn(prompt, at);
    this.#run.absence = new Absence(this.#turn, {
      state: () => this.#answer.state, onBack: (back) => this.#tell("onOnline", back), onCaughtUp: () => this.#end.scroll(),
    });
    this.#answer = createAnswer({
      onEvent: (event, answer) => { if (answer === this.#answer) this.#onEvent(event); },
      onState: (answer) => { if (answer === this.#answer) this.#showState(); },
    });
    this.#handlers = createEventHandlers({
      answer: this.#answer, turn: this.#turn, run: this.#run, follow: () => this.#end.scroll(), showState: () => this.#showState(),
    });
    this.#answer.finished.catch((error) => this.#showFailure(error));
    this.#tell("onTurn", { at, kind, transport: this.#transport, answer: this.#answer });
    this.#showState();
    this.#end.begin();
  }

  #addTurn(prompt, startedAt) {
    const turn = new Turn(prompt, { startedAt, pane: this.name, needsKey: () => this.#token !== null, text: () => (turn === this.#turn ? this.#answer.text : turn.source) });
    this.#part("turns").append(turn.root);
    return turn;
  }

  #tell(name, ...facts) {
    for (const observer of this.#observers) observer[name]?.(...facts);
  }

  #addListeners() {
    this.#part("interrupt").addEventListener("click", () => this.interrupt());
    this.#part("plug").addEventListener("click", () => this.cutConnection());
    this.#feedback = new FeedbackForm((role) => this.#part(role), this, () => this.#tell("onCommand", { at: performance.now(), name: "feedback" }));
  }

  #onEvent(event) {
    const at = performance.now();
    this.#run.absence.end(at);
    if (event.type !== "retry") this.#run.upstreamRetry = null;
    const waiting = this.#run.absence.isCatchingUp;
    this.#handlers[event.type]?.(event, at);
    if (event.seq !== undefined) this.#turn.showSeq(event.seq);
    const bytes = this.#answer.received - this.#run.received;
    this.#run.received = this.#answer.received;
    this.#tell("onEvent", event, { at, bytes, transport: this.#transport, waiting, answer: this.#answer });
    if (TERMINAL.has(event.type)) this.#finish(event, at);
  }

  /** Show how long the model has been silent. Not in a live region: a screen reader would announce every second. */
  #showSilence() {
    if (!this.isRunning || this.#run.lastTextAt === null) return;
    const silentMs = performance.now() - this.#run.lastTextAt;
    const silent = this.#answer.state === "streaming" && silentMs > SILENCE_MS;
    this.#setText("detail", silent ? `No new text for ${formatDuration(silentMs)}. The gateway is connected and waits for the model.` : "");
  }

  #finish(event, at) {
    this.#run.absence.finish();
    const { clickedStop } = this.#run;
    const stop = clickedStop !== null && event.type === "interrupted" ? { clickMs: at - clickedStop, cancelMs: event.cancel_ms } : null;
    if (stop !== null) this.#setText("stop-time", `Stopped ${formatMillis(stop.clickMs)} after the click; the model’s connection closed in ${formatMillis(stop.cancelMs)}.`);
    else if (clickedStop !== null) this.#setText("stop-time", "It had already ended.");
    this.#turn.end(event.type);
    this.#turn.showUsage(usageMessage(event));
    if (event.finish_reason === "tool_calls" && this.#run.kind !== "watch") this.#turn.tools.ask((results) => this.#giveResults(results));
    this.#tell("onEnd", { at, event, error: event.type === "error" ? this.#answer.error : null, stop });
    this.#showControls();
    this.#end.scroll();
  }

  #showFailure(error) {
    if (this.#answer?.error !== error) return;
    const { terminal } = this.#answer;
    this.#turn.end(error.code === "aborted" ? "interrupted" : undefined);
    if (error.code === "aborted") this.#setText("stop-time", failureMessage(error.code));
    else this.#showProblem(error);
    if (!terminal) this.#tell("onEnd", { at: performance.now(), event: null, error, stop: null });
    this.#showControls();
  }

  #showProblem(error) {
    const { terminal, text } = this.#answer;
    const requestId = terminal?.metrics?.request_id ?? null;
    const onRetry = () => (this.#run.request === null ? this.watch(this.#answer.id) : this.#retry());
    this.#turn.showProblem(error, { partial: terminal?.partial ?? text !== "", requestId, onRetry });
    this.#end.scroll();
  }

  #showState() {
    const [answer, at] = [this.#answer, performance.now()];
    const state = answer.error?.code === "aborted" ? "interrupted" : answer.state;
    if (state === "offline" && !this.#run.absence.isAway) {
      const byUser = this.#run.cutByUser;
      this.#run.absence.begin(at);
      if (!byUser) this.#turn.addNotice("The connection was lost.", at);
      this.#tell("onOffline", { at, byUser });
    }
    const part = this.#part("state");
    part.dataset.state = state === "detached" ? "idle" : state;
    this.root.dataset.state = part.dataset.state;
    this.#setText("state", stateMessage(answer, { upstreamRetry: this.#run.upstreamRetry, tookMs: at - this.#run.startedAt }));
    this.#setTransport(shownTransport(answer.transport));
    this.#tell("onState", answer, { at, state });
    this.#showControls();
  }

  #setTransport(transport) {
    if (transport === this.#transport) return;
    this.#transport = transport;
    this.#showTransport();
  }

  #showTransport() {
    this.#transportView.show(this.#transport);
    this.#tell("onChoice", { transport: this.#transport });
  }

  #showControls() {
    const running = this.isRunning;
    const enable = (role, enabled) => this.#part(role).setAttribute("aria-disabled", String(!enabled));
    enable("interrupt", running);
    enable("plug", running && this.#answer.id !== null && this.#answer.state !== "offline");
    this.#part("empty").hidden = this.#turn !== null;
    this.root.dispatchEvent(new CustomEvent("pane-state", { bubbles: true }));
  }

  #part(role) {
    if (!this.#elements.has(role)) this.#elements.set(role, this.root.querySelector(`[data-role="${role}"]`));
    return this.#elements.get(role);
  }

  #setText(role, text) {
    setText(this.#part(role), text);
  }
}
