/**
 * The demo page: two panes, each with a client of its own, so that pulling one plug leaves the other one alone.
 */

import { Dualstream } from "./dualstream.js";
import { ArrivalsChart } from "./demo-chart.js";
import { NAMES, failure, millis, remedy, seconds, stateInWords } from "./demo-words.js";

const PLUG_MS = 2000; // how long a pulled plug stays out
const CATCH_UP_MS = 150; // what comes this soon after a resume was waiting for us
const SILENCE_MS = 4000; // a stream that pauses longer than this gets a word about it
const TITLES = { sse: "Server-Sent Events", websocket: "WebSocket" };
const TERMINAL = new Set(["complete", "interrupted", "error"]);
const utf8 = new TextEncoder();

/** One side of the page: a transport, an answer on it, and its figures. */
class Pane {
  #root;
  #home;
  #client;
  #answer = null;
  #chart;
  #seen = null;
  #clickedStop = null;
  #following = true; // scroll along with the text, until the reader scrolls up

  constructor(root) {
    this.#root = root;
    this.#home = root.dataset.home;
    root.append(document.querySelector("#pane").content.cloneNode(true));
    this.enter(null);
    this.#chart = new ArrivalsChart(this.#part("chart"));
    this.#say("title", TITLES[this.#home]);
    this.#listen();
    this.#showTransport(this.#home);
    this.#showControls();
    setInterval(() => this.#noticeSilence(), 1000);
  }

  get isRunning() {
    return this.#answer !== null && !["complete", "interrupted", "error", "detached"].includes(this.#answer.state);
  }

  /** Show this key from now on; what runs is left to itself. */
  enter(token) {
    this.#client?.close();
    this.#client = new Dualstream({ transport: this.#home, keepOpen: true, token });
  }

  contains(element) {
    return this.#root.contains(element);
  }

  /** Start the request here; an answer that still runs is stopped first. */
  run(request) {
    if (this.isRunning) {
      this.#answer.interrupt("replaced by a new prompt").catch(() => {});
      this.#answer.detach();
    }
    this.#clear();
    this.#answer = this.#client.start(request, {
      onEvent: (event, answer) => { if (answer === this.#answer) this.#take(event); },
      onState: (answer) => { if (answer === this.#answer) this.#showState(); },
    });
    this.#answer.finished.catch((error) => this.#showFailure(error));
    this.#showTransport(this.#answer.transport);
    this.#showState();
  }

  async interrupt() {
    if (!this.isRunning || this.#clickedStop !== null) return;
    this.#clickedStop = performance.now();
    this.#say("stop-time", "Stopping…");
    try {
      await this.#answer.interrupt("interrupted on the demo page");
    } catch (error) {
      this.#clickedStop = null;
      this.#say("stop-time", `Could not stop it. ${failure(error.code)}`);
    }
  }

  #listen() {
    this.#part("interrupt").addEventListener("click", () => this.interrupt());
    this.#part("plug").addEventListener("click", () => this.#pullThePlug());
    this.#part("handover").addEventListener("click", () => this.#handOver());
    this.#part("feedback-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sendFeedback();
    });
    for (const role of ["rate-up", "rate-down"]) this.#part(role).addEventListener("click", () => this.#rate(this.#part(role)));
    const box = this.#part("scroll");
    box.addEventListener("scroll", () => { this.#following = box.scrollTop + box.clientHeight > box.scrollHeight - 24; }, { passive: true });
  }

  #clear() {
    const now = performance.now();
    this.#seen = {
      begun: now, firstToken: null, lastChunk: null, gaps: [], chunks: 0, chars: 0, bytes: 0, timedMs: 0, timedChars: 0, painting: false,
      upstreamRetry: null, feedback: new Map(), tools: new Map(),
      leftAt: null, awayMs: 0, backAt: null, caughtUp: 0, wasPulled: false,
    };
    this.#clickedStop = null;
    this.#following = true;
    for (const role of ["text", "notices", "stop-time", "detail", "feedback-status", "generation", "seq", "reasoning-text", "tools", "revision"]) this.#say(role, "");
    for (const role of ["reasoning", "tools", "revision"]) this.#part(role).hidden = true;
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", "false");
    this.#showFigures();
    this.#chart.begin(now);
  }

  #take(event) {
    const now = performance.now();
    this.#noticeReturn(now);
    if (event.type !== "retry") this.#seen.upstreamRetry = null;
    this.#handlers[event.type]?.(event, now);
    this.#say("seq", `event ${event.seq}`);
    if (TERMINAL.has(event.type)) this.#end(event, now);
  }

  #handlers = {
    accepted: ({ generation_id: id }) => this.#say("generation", id),
    start: ({ provider, upstream_model: model, attempt }, now) => {
      if (attempt > 1) this.#notice(`${provider} answers (${model}, attempt ${attempt}).`, now);
    },
    retry: (event, now) => {
      this.#seen.upstreamRetry = event;
      this.#notice(`Attempt ${event.attempt}: ${failure(event.code)}`, now);
      this.#showState();
    },
    chunk: ({ content }, now) => {
      this.#count(content, now);
      this.#append(content);
      if (this.#answer.text.length === content.length) this.#showState();
    },
    reasoning: ({ content }, now) => {
      this.#seen.firstToken ??= now;
      this.#part("reasoning").hidden = false;
      this.#part("reasoning-text").append(content);
      this.#follow();
    },
    tool_call: (event, now) => {
      this.#seen.firstToken ??= now;
      this.#showToolCall(event);
    },
    feedback: ({ feedback_id: id, text }) => this.#seen.feedback.set(id, text),
    revision: ({ revision, feedback_id: id, cancel_ms: cancelMs, reason }, now) => {
      for (const role of ["text", "reasoning-text", "tools"]) this.#say(role, "");
      for (const role of ["reasoning", "tools"]) this.#part(role).hidden = true;
      this.#seen.tools.clear();
      const said = this.#seen.feedback.get(id);
      this.#part("revision").hidden = false;
      const why = reason === "failover" ? ", because the model that wrote the text before broke off" : said ? `, because you said: “${said}”` : "";
      this.#say("revision", `Revision ${revision}${why}`);
      this.#notice(reason === "failover" ? `Revision ${revision} begins, with another model.`
        : `Revision ${revision} begins; the attempt before was closed in ${millis(cancelMs)}.`, now);
      Object.assign(this.#seen, { lastChunk: null, chars: 0 });
      this.#chart.restarted(now);
    },
    gap: ({ text }, now) => {
      this.#say("text", text);
      this.#notice("Some events are no longer kept; here is the whole text instead.", now);
    },
  };

  #count(content, now) {
    const seen = this.#seen;
    seen.firstToken ??= now;
    if (seen.lastChunk !== null) {
      // Speed is of what the measured gaps brought: not of the first chunk, nor of the first after an absence.
      seen.gaps.push(now - seen.lastChunk);
      seen.timedMs += now - seen.lastChunk;
      seen.timedChars += content.length;
    }
    seen.lastChunk = seen.backAt === null ? now : null; // what had piled up comes at once, which is nobody's speed
    seen.chunks += 1;
    seen.chars += content.length;
    seen.bytes += utf8.encode(content).length;
    this.#chart.arrived(now, seen.chars);
    this.#showFiguresSoon();
  }

  #append(content) {
    const text = this.#part("text");
    const last = text.lastChild;
    if (this.#seen.backAt !== null) {
      this.#seen.caughtUp += content.length;
      const mark = last?.nodeName === "MARK" && last.dataset.at === String(this.#seen.backAt) ? last : document.createElement("mark");
      mark.dataset.at = String(this.#seen.backAt);
      mark.append(content);
      mark.normalize();
      if (mark !== last) text.append(mark);
    } else if (last?.nodeType === Node.TEXT_NODE) {
      last.appendData(content);
    } else {
      text.append(content);
    }
    this.#follow();
  }

  /** The first event after an absence, and the end of what had piled up meanwhile. */
  #noticeReturn(now) {
    const seen = this.#seen;
    if (seen.leftAt !== null) {
      seen.backAt = now;
      seen.caughtUp = 0;
      seen.lastChunk = null; // nor is the absence a gap between chunks
      this.#chart.cameBack(now);
      seen.awayMs = now - seen.leftAt;
      seen.leftAt = null;
      setTimeout(() => this.#noticeCaughtUp(seen), CATCH_UP_MS);
    }
  }

  #noticeCaughtUp(seen) {
    if (seen !== this.#seen || seen.backAt === null) return;
    seen.backAt = null;
    const got = seen.caughtUp === 1 ? "1 character" : `${seen.caughtUp} characters`;
    this.#notice(`Back after ${seconds(seen.awayMs)}: ${seen.caughtUp ? `${got} filled in.` : "nothing was missed."}`, performance.now());
  }

  /** Not in the live region: to hear the seconds counted would be worse than the silence. */
  #noticeSilence() {
    if (!this.isRunning || this.#seen.lastChunk === null) return;
    const quiet = performance.now() - this.#seen.lastChunk;
    const silent = this.#answer.state === "streaming" && quiet > SILENCE_MS;
    this.#say("detail", silent ? `Nothing new for ${seconds(quiet)}. The gateway is still there and waits for the model.` : "");
  }

  #end(event, now) {
    this.#noticeCaughtUp(this.#seen);
    if (event.type === "interrupted") this.#chart.mark(now);
    this.#chart.end(now);
    this.#showFigures();
    if (this.#clickedStop !== null && event.type === "interrupted") {
      this.#say("stop-time", `Stopped ${millis(now - this.#clickedStop)} after the click; the model’s connection closed in ${millis(event.cancel_ms)}.`);
    } else if (this.#clickedStop !== null) {
      this.#say("stop-time", "It was over before the stop arrived.");
    }
    const spent = spentInWords(event);
    if (event.type !== "error" && spent) this.#say("detail", spent);
    this.#showControls();
  }

  #showFailure(error) {
    if (this.#answer?.error !== error) return;
    if (!this.#answer.terminal) this.#chart.end(performance.now());
    if (error.code === "aborted") this.#say("stop-time", "Stopped before it began.");
    const { terminal } = this.#answer;
    this.#say("detail", [error.message, remedy(error, terminal?.partial)].filter(Boolean).join(" "));
    this.#showControls();
  }

  #showState() {
    const answer = this.#answer;
    const state = answer.error?.code === "aborted" ? "interrupted" : answer.state;
    if (state === "offline" && this.#seen.leftAt === null) {
      this.#seen.leftAt = performance.now();
      this.#chart.left(this.#seen.leftAt);
      if (!this.#seen.wasPulled) this.#notice("The connection was lost.", this.#seen.leftAt);
    }
    const part = this.#part("state");
    part.dataset.state = state === "detached" ? "idle" : state;
    this.#say("state", stateInWords(answer, { upstreamRetry: this.#seen.upstreamRetry, tookMs: performance.now() - this.#seen.begun }));
    this.#showTransport(answer.transport);
    this.#showControls();
  }

  #pullThePlug() {
    if (!this.isRunning || this.#answer.state === "offline") return;
    this.#seen.wasPulled = true;
    this.#notice("You pulled the plug.", performance.now());
    this.#answer.drop(PLUG_MS);
    this.#seen.wasPulled = false;
  }

  async #handOver() {
    if (!this.isRunning) return;
    const answer = this.#answer;
    const from = NAMES[answer.transport];
    await answer.moveTo(answer.transport === "websocket" ? "sse" : "websocket").catch(() => {});
    if (answer !== this.#answer || !this.isRunning) return;
    const now = performance.now();
    this.#chart.mark(now);
    this.#notice(`Handed over from ${from} to ${NAMES[answer.transport]} after event ${answer.position?.split(":").pop() ?? 0}.`, now);
  }

  async #sendFeedback() {
    const mode = this.#part("feedback-mode").value;
    const text = this.#part("feedback-text").value.trim();
    if (this.#answer?.id == null) return this.#say("feedback-status", "There is no answer yet to say something about.");
    if (mode === "revise" && text === "") return this.#say("feedback-status", "Say what should be different.");
    if (mode === "note" && text === "") return this.#say("feedback-status", "Write the note first.");
    const done = { revise: "Sent: the answer begins anew.", stop: "Sent: the answer stops.", note: "Noted." }[mode];
    if (await this.#give(text === "" ? { mode } : { mode, text }, done)) this.#part("feedback-text").value = "";
  }

  async #rate(button) {
    if (this.#answer?.id == null) return this.#say("feedback-status", "There is no answer yet to rate.");
    if (!(await this.#give({ mode: "note", rating: Number(button.dataset.rating) }, "Thank you, noted."))) return;
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", String(this.#part(role) === button));
  }

  async #give(feedback, done) {
    try {
      await this.#answer.feedback(feedback);
      this.#say("feedback-status", done);
      return true;
    } catch (error) {
      const over = error.code === "already_over" && feedback.mode !== "note";
      this.#say("feedback-status", over ? "This answer is over; only a note can be kept with it." : `${failure(error.code)} ${error.message}`);
      return false;
    }
  }

  #showToolCall({ index, name, arguments: piece }) {
    const { tools } = this.#seen;
    if (!tools.has(index)) {
      tools.set(index, { name: "", given: "", line: this.#part("tools").appendChild(document.createElement("li")) });
      this.#part("tools").hidden = false;
    }
    const call = tools.get(index);
    call.name += name ?? "";
    call.given += piece ?? "";
    call.line.textContent = `${call.name}(${call.given})`;
    this.#follow();
  }

  #showFiguresSoon() {
    if (this.#seen.painting) return;
    this.#seen.painting = true;
    const seen = this.#seen;
    requestAnimationFrame(() => {
      seen.painting = false;
      if (seen === this.#seen) this.#showFigures();
    });
  }

  #showFigures() {
    const { begun, firstToken, chunks, bytes, gaps, timedMs, timedChars } = this.#seen;
    this.#say("ttft", firstToken === null ? "–" : millis(firstToken - begun));
    this.#say("chunks", chunks === 0 ? "–" : chunks.toLocaleString("en"));
    this.#say("bytes", bytes === 0 ? "–" : bytes.toLocaleString("en"));
    const sorted = gaps.slice().sort((a, b) => a - b);
    this.#say("gap-p50", millis(quantile(sorted, 0.5)));
    this.#say("gap-p95", millis(quantile(sorted, 0.95)));
    this.#say("speed", timedMs < 50 ? "–" : `${Math.round((timedChars / timedMs) * 1000).toLocaleString("en")}/s`);
  }

  #showControls() {
    const running = this.isRunning;
    const allow = (role, can) => this.#part(role).setAttribute("aria-disabled", String(!can));
    allow("interrupt", running);
    allow("plug", running && this.#answer.id !== null && this.#answer.state !== "offline");
    allow("handover", running && this.#answer.id !== null);
    const other = (this.#answer?.transport ?? this.#home) === "websocket" ? "sse" : "websocket";
    this.#say("handover", `Hand over to ${NAMES[other]}`);
  }

  #showTransport(transport) {
    const shown = transport === "websocket" ? "websocket" : "sse";
    this.#root.dataset.transport = shown;
    this.#say("transport", shown);
    this.#chart.draw();
  }

  #notice(text, now) {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = `${((now - this.#seen.begun) / 1000).toFixed(1)} s`;
    item.append(time, text);
    this.#part("notices").append(item);
    item.parentElement.scrollTop = item.parentElement.scrollHeight;
  }

  #follow() {
    if (!this.#following) return;
    const box = this.#part("scroll");
    requestAnimationFrame(() => { if (this.#following) box.scrollTop = box.scrollHeight; });
  }

  #part(role) {
    return this.#root.querySelector(`[data-role="${role}"]`);
  }

  #say(role, text) {
    const part = this.#part(role);
    if (part.textContent !== text) part.textContent = text; // a live region speaks again when the same is written again
  }
}

/** @param {number[]} sorted */
function quantile(sorted, part) {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function spentInWords({ usage, cost_usd: cost }) {
  const about = usage?.source === "estimated" ? "about " : "";
  const tokens = usage?.output_tokens == null ? "" : `${about}${usage.input_tokens ?? "?"} tokens in, ${usage.output_tokens} out`;
  return [tokens, cost == null ? "" : `$${cost.toFixed(4)}`].filter(Boolean).join(" · ");
}

/** The prompt and the choices above the panes. */
class Question {
  #form = document.querySelector("#ask");
  #prompt = document.querySelector("#prompt");
  #panes;
  #token = null;

  constructor(panes) {
    this.#panes = panes;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run(Object.values(panes));
    });
    document.querySelector("#run-sse").addEventListener("click", () => this.#run([panes.sse]));
    document.querySelector("#run-websocket").addEventListener("click", () => this.#run([panes.websocket]));
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#interrupt(document.activeElement);
    });
    this.#form.addEventListener("input", () => this.#showSettings());
    document.querySelector("#use-key").addEventListener("click", () => this.#enter());
    document.querySelector("#key").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#enter();
    });
    this.#showSettings();
    this.#offerModels();
  }

  #run(panes) {
    if (!this.#form.reportValidity()) return;
    const request = { prompt: this.#prompt.value.trim() || this.#prompt.value };
    const model = this.#model();
    if (model) request.model = model;
    for (const pane of panes) pane.run(request);
  }

  /** Take the key that was typed: it is kept in the clients alone, and the field is emptied. */
  #enter() {
    const field = document.querySelector("#key");
    this.#token = field.value.trim() || null;
    field.value = "";
    for (const pane of Object.values(this.#panes)) pane.enter(this.#token);
    this.#offerModels();
  }

  /** Escape means the pane one is in; elsewhere, whatever runs. */
  #interrupt(focused) {
    const here = Object.values(this.#panes).filter((pane) => pane.contains(focused) && pane.isRunning);
    for (const pane of here.length > 0 ? here : Object.values(this.#panes)) pane.interrupt();
  }

  /** The model's name; a simulator's takes the settings with it, as in `sim?speed=85&ttft=300`. */
  #model() {
    const name = document.querySelector("#model").value.trim();
    if (!isSimulator(name)) return name;
    const settings = new URLSearchParams();
    for (const choice of this.#form.querySelectorAll("[data-setting]")) {
      if (choice.value !== "") settings.set(choice.dataset.setting, choice.value);
    }
    if (["drop", "stall", "garbage"].includes(settings.get("fault"))) settings.set("after", "20");
    return `${name}?${settings}`;
  }

  #showSettings() {
    document.querySelector("#simulator").hidden = !isSimulator(document.querySelector("#model").value.trim());
  }

  /** Turn the free text field into a choice, if the gateway says what there is. */
  async #offerModels() {
    try {
      const { models, default: preferred } = await new Dualstream({ token: this.#token }).models();
      document.querySelector("#entry").hidden = true;
      document.querySelector("#page-status").textContent = "";
      if (models.length === 0) return;
      const field = document.querySelector("#model");
      const choice = document.createElement("select");
      choice.id = field.id;
      choice.append(...models.map((name) => new Option(name, name, name === preferred, name === preferred)));
      field.replaceWith(choice);
      this.#showSettings();
    } catch (error) {
      const refused = error.status === 401;
      if (refused) document.querySelector("#entry").hidden = false;
      if (refused && this.#token !== null) document.querySelector("#key-hint").textContent = error.message;
      if (!refused) document.querySelector("#page-status").textContent = `The list of models did not come. ${failure(error.code)}`;
    }
  }
}

/** A simulator's model without settings of its own; not, say, `simplex-7b`, nor `sim?speed=40`. */
const isSimulator = (name) => /^sim(-[^?]*)?$/.test(name);

const panes = {
  sse: new Pane(document.querySelector("#pane-sse")),
  websocket: new Pane(document.querySelector("#pane-websocket")),
};
new Question(panes);
