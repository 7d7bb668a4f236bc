/**
 * One pane of the demo page: a transport, an answer on it, and its measurements.
 */

import { ArrivalsChart } from "./demo-chart.js";
import { Figures } from "./demo-figures.js";
import { NAMES, adviceMessage, backMessage, failureMessage, formatDuration, formatMillis, stateMessage, usageMessage } from "./demo-messages.js";
import { showPart } from "./demo-parts.js";
import { Dualstream } from "./dualstream.js";

const OFFLINE_MS = 2000; // how long "Cut connection" stays offline
const CATCH_UP_MS = 150; // text that arrives this soon after a resume was waiting in the gateway
const SILENCE_MS = 4000; // a pause of the stream after which the pane shows a message
const TITLES = { sse: "Server-Sent Events", websocket: "WebSocket" };
const TERMINAL = new Set(["complete", "interrupted", "error"]);

/** A pane has a client of its own, so that cutting the connection of one leaves the other alone. */
export class Pane {
  #root;
  #home;
  #client;
  #answer = null;
  #chart;
  #run = null;
  #clickedStop = null;
  #autoScroll = true; // scroll with the text, until the user scrolls up

  constructor(root) {
    this.#root = root;
    this.#home = root.dataset.home;
    root.append(document.querySelector("#pane").content.cloneNode(true));
    this.setToken(null);
    this.#chart = new ArrivalsChart(this.#part("chart"));
    this.#setText("title", TITLES[this.#home]);
    this.#addListeners();
    this.#showTransport(this.#home);
    this.#showControls();
    setInterval(() => this.#showSilence(), 1000);
  }

  get isRunning() {
    return this.#answer !== null && !["complete", "interrupted", "error", "detached"].includes(this.#answer.state);
  }

  /** Use this key from now on. A running answer is detached. */
  setToken(token) {
    this.#client?.close();
    this.#client = new Dualstream({ transport: this.#home, keepOpen: true, token });
  }

  contains(element) {
    return this.#root.contains(element);
  }

  /** Start the request in this pane; interrupt a running answer first. */
  start(request) {
    if (this.isRunning) {
      this.#answer.interrupt("replaced by a new prompt").catch(() => {});
      this.#answer.detach();
    }
    this.#show((listeners) => this.#client.start(request, listeners));
  }

  /** Show a generation from its beginning, such as the turn of another client. A running answer is detached, not stopped. */
  watch(generationId) {
    if (this.isRunning) this.#answer.detach();
    this.#show((listeners) => this.#client.attach(generationId, listeners));
    this.#setText("generation", generationId);
  }

  #show(createAnswer) {
    this.#clear();
    this.#answer = createAnswer({
      onEvent: (event, answer) => { if (answer === this.#answer) this.#onEvent(event); },
      onState: (answer) => { if (answer === this.#answer) this.#showState(); },
    });
    this.#answer.finished.catch((error) => this.#showFailure(error));
    this.#showTransport(this.#answer.transport);
    this.#showState();
  }

  async interrupt() {
    if (!this.isRunning || this.#clickedStop !== null) return;
    this.#clickedStop = performance.now();
    this.#setText("stop-time", "Stopping…");
    try {
      await this.#answer.interrupt("interrupted on the demo page");
    } catch (error) {
      this.#clickedStop = null;
      this.#setText("stop-time", `Could not stop it. ${failureMessage(error.code)}`);
    }
  }

  #addListeners() {
    this.#part("interrupt").addEventListener("click", () => this.interrupt());
    this.#part("plug").addEventListener("click", () => this.#cutConnection());
    this.#part("handover").addEventListener("click", () => this.#switchTransport());
    this.#part("feedback-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sendFeedback();
    });
    for (const role of ["rate-up", "rate-down"]) this.#part(role).addEventListener("click", () => this.#rate(this.#part(role)));
    const box = this.#part("scroll");
    box.addEventListener("scroll", () => { this.#autoScroll = box.scrollTop + box.clientHeight > box.scrollHeight - 24; }, { passive: true });
  }

  #clear() {
    const now = performance.now();
    this.#run = {
      startedAt: now, figures: new Figures(now), redrawing: false, upstreamRetry: null, feedback: new Map(), tools: new Map(),
      offlineSince: null, offlineMs: 0, backAt: null, caughtUp: 0, cutByUser: false,
    };
    this.#clickedStop = null;
    this.#autoScroll = true;
    for (const role of ["text", "notices", "stop-time", "detail", "feedback-status", "generation", "seq", "reasoning-text", "tools", "parts", "revision"]) this.#setText(role, "");
    for (const role of ["reasoning", "tools", "parts", "revision"]) this.#part(role).hidden = true;
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", "false");
    this.#showFigures();
    this.#chart.begin(now);
  }

  #onEvent(event) {
    const now = performance.now();
    this.#endAbsence(now);
    if (event.type !== "retry") this.#run.upstreamRetry = null;
    this.#handlers[event.type]?.(event, now);
    this.#setText("seq", `event ${event.seq}`);
    if (TERMINAL.has(event.type)) this.#end(event, now);
  }

  #handlers = {
    accepted: ({ generation_id: id }) => this.#setText("generation", id),
    start: ({ provider, upstream_model: model, attempt }, now) => {
      if (attempt > 1) this.#addNotice(`${provider} answers (${model}, attempt ${attempt}).`, now);
    },
    retry: (event, now) => {
      this.#run.upstreamRetry = event;
      this.#addNotice(`Attempt ${event.attempt}: ${failureMessage(event.code)}`, now);
      this.#showState();
    },
    chunk: ({ content }, now) => {
      this.#count(content, now);
      this.#append(content);
      if (this.#answer.text.length === content.length) this.#showState();
    },
    reasoning: ({ content }, now) => {
      if (content === "") return; // only a signature
      this.#run.figures.addToken(now);
      this.#part("reasoning").hidden = false;
      this.#part("reasoning-text").append(content);
      this.#scrollToEnd();
    },
    tool_call: (event, now) => {
      this.#run.figures.addToken(now);
      this.#showToolCall(event);
    },
    part: (event, now) => {
      this.#run.figures.addToken(now);
      showPart(this.#part("parts"), event);
      this.#scrollToEnd();
    },
    feedback: ({ feedback_id: id, text }) => this.#run.feedback.set(id, text),
    revision: ({ revision, feedback_id: id, cancel_ms: cancelMs, reason }, now) => {
      for (const role of ["text", "reasoning-text", "tools", "parts"]) this.#setText(role, "");
      for (const role of ["reasoning", "tools", "parts"]) this.#part(role).hidden = true;
      this.#run.tools.clear();
      const feedback = this.#run.feedback.get(id);
      this.#part("revision").hidden = false;
      const cause = reason === "failover" ? ", because the earlier model failed" : feedback ? `, after your feedback: “${feedback}”` : "";
      this.#setText("revision", `Revision ${revision}${cause}`);
      this.#addNotice(reason === "failover" ? `Revision ${revision} started with another model.`
        : `Revision ${revision} started; the earlier attempt was closed in ${formatMillis(cancelMs)}.`, now);
      this.#run.figures.startRevision();
      this.#chart.restarted(now);
    },
    gap: ({ text }, now) => {
      this.#setText("text", text);
      this.#addNotice("Some events are no longer stored; the complete text replaces them.", now);
    },
  };

  #count(content, now) {
    // Text that was waiting while offline arrives at once, which says nothing about the speed.
    const { figures, backAt } = this.#run;
    figures.addChunk(content, now, { timed: backAt === null });
    this.#chart.arrived(now, figures.chars);
    this.#showFiguresSoon();
  }

  #append(content) {
    const text = this.#part("text");
    const last = text.lastChild;
    if (this.#run.backAt !== null) {
      this.#run.caughtUp += content.length;
      const mark = last?.nodeName === "MARK" && last.dataset.at === String(this.#run.backAt) ? last : document.createElement("mark");
      mark.dataset.at = String(this.#run.backAt);
      mark.append(content);
      mark.normalize();
      if (mark !== last) text.append(mark);
    } else if (last?.nodeType === Node.TEXT_NODE) {
      last.appendData(content);
    } else {
      text.append(content);
    }
    this.#scrollToEnd();
  }

  /** Handle the first event after an absence. The text that was waiting meanwhile arrives within `CATCH_UP_MS`. */
  #endAbsence(now) {
    const run = this.#run;
    if (run.offlineSince !== null) {
      run.backAt = now;
      run.caughtUp = 0;
      run.figures.skipGap(); // the absence is not a gap between chunks
      this.#chart.online(now);
      run.offlineMs = now - run.offlineSince;
      run.offlineSince = null;
      setTimeout(() => this.#showCaughtUp(run), CATCH_UP_MS);
    }
  }

  #showCaughtUp(run) {
    if (run !== this.#run || run.backAt === null) return;
    run.backAt = null;
    this.#addNotice(backMessage(run.offlineMs, run.caughtUp, this.#answer.state), performance.now());
  }

  /** Show how long the model has been silent. Not in a live region: a screen reader would announce every second. */
  #showSilence() {
    if (!this.isRunning || this.#run.figures.lastChunkAt === null) return;
    const silentMs = performance.now() - this.#run.figures.lastChunkAt;
    const silent = this.#answer.state === "streaming" && silentMs > SILENCE_MS;
    this.#setText("detail", silent ? `No new text for ${formatDuration(silentMs)}. The gateway is connected and waits for the model.` : "");
  }

  #end(event, now) {
    this.#showCaughtUp(this.#run);
    if (event.type === "interrupted") this.#chart.mark(now);
    this.#chart.end(now);
    this.#showFigures();
    if (this.#clickedStop !== null && event.type === "interrupted") {
      this.#setText("stop-time", `Stopped ${formatMillis(now - this.#clickedStop)} after the click; the model’s connection closed in ${formatMillis(event.cancel_ms)}.`);
    } else if (this.#clickedStop !== null) {
      this.#setText("stop-time", "It had already ended.");
    }
    const usage = usageMessage(event);
    if (event.type !== "error" && usage) this.#setText("detail", usage);
    this.#showControls();
  }

  #showFailure(error) {
    if (this.#answer?.error !== error) return;
    if (!this.#answer.terminal) this.#chart.end(performance.now());
    if (error.code === "aborted") this.#setText("stop-time", failureMessage(error.code));
    const { terminal } = this.#answer;
    this.#setText("detail", [error.message, adviceMessage(error, terminal?.partial)].filter(Boolean).join(" "));
    this.#showControls();
  }

  #showState() {
    const answer = this.#answer;
    const state = answer.error?.code === "aborted" ? "interrupted" : answer.state;
    if (state === "offline" && this.#run.offlineSince === null) {
      this.#run.offlineSince = performance.now();
      this.#chart.offline(this.#run.offlineSince);
      if (!this.#run.cutByUser) this.#addNotice("The connection was lost.", this.#run.offlineSince);
    }
    const part = this.#part("state");
    part.dataset.state = state === "detached" ? "idle" : state;
    this.#setText("state", stateMessage(answer, { upstreamRetry: this.#run.upstreamRetry, tookMs: performance.now() - this.#run.startedAt }));
    this.#showTransport(answer.transport);
    this.#showControls();
  }

  #cutConnection() {
    if (!this.isRunning || this.#answer.state === "offline") return;
    this.#run.cutByUser = true;
    this.#addNotice("You cut the connection.", performance.now());
    this.#answer.drop(OFFLINE_MS);
    this.#run.cutByUser = false;
  }

  async #switchTransport() {
    if (!this.isRunning) return;
    const answer = this.#answer;
    const from = NAMES[answer.transport];
    await answer.moveTo(answer.transport === "websocket" ? "sse" : "websocket").catch(() => {});
    if (answer !== this.#answer || !this.isRunning) return;
    const now = performance.now();
    this.#chart.mark(now);
    this.#addNotice(`Switched from ${from} to ${NAMES[answer.transport]} after event ${answer.position?.split(":").pop() ?? 0}.`, now);
  }

  async #sendFeedback() {
    const mode = this.#part("feedback-mode").value;
    const text = this.#part("feedback-text").value.trim();
    if (this.#answer?.id == null) return this.#setText("feedback-status", "There is no answer yet.");
    if (mode === "revise" && text === "") return this.#setText("feedback-status", "Write what should be different.");
    if (mode === "note" && text === "") return this.#setText("feedback-status", "Write the note first.");
    const done = { revise: "Sent: the answer starts again.", stop: "Sent: the answer stops.", note: "Noted." }[mode];
    if (await this.#send(text === "" ? { mode } : { mode, text }, done)) this.#part("feedback-text").value = "";
  }

  async #rate(button) {
    if (this.#answer?.id == null) return this.#setText("feedback-status", "There is no answer yet to rate.");
    if (!(await this.#send({ mode: "note", rating: Number(button.dataset.rating) }, "Thank you, noted."))) return;
    for (const role of ["rate-up", "rate-down"]) this.#part(role).setAttribute("aria-pressed", String(this.#part(role) === button));
  }

  async #send(feedback, done) {
    try {
      await this.#answer.feedback(feedback);
      this.#setText("feedback-status", done);
      return true;
    } catch (error) {
      const ended = error.code === "already_over" && feedback.mode !== "note";
      this.#setText("feedback-status", ended ? "This answer has ended; only a note can be added." : `${failureMessage(error.code)} ${error.message}`);
      return false;
    }
  }

  #showToolCall({ index, name, arguments: fragment }) {
    const { tools } = this.#run;
    if (!tools.has(index)) {
      tools.set(index, { name: "", arguments: "", line: this.#part("tools").appendChild(document.createElement("li")) });
      this.#part("tools").hidden = false;
    }
    const call = tools.get(index);
    call.name += name ?? "";
    call.arguments += fragment ?? "";
    call.line.textContent = `${call.name}(${call.arguments})`;
    this.#scrollToEnd();
  }

  #showFiguresSoon() {
    if (this.#run.redrawing) return;
    this.#run.redrawing = true;
    const run = this.#run;
    requestAnimationFrame(() => {
      run.redrawing = false;
      if (run === this.#run) this.#showFigures();
    });
  }

  #showFigures() {
    const { figures } = this.#run;
    this.#setText("ttft", formatMillis(figures.timeToFirstToken));
    this.#setText("chunks", figures.chunks === 0 ? "–" : figures.chunks.toLocaleString("en"));
    this.#setText("bytes", figures.bytes === 0 ? "–" : figures.bytes.toLocaleString("en"));
    const [p50, p95] = figures.gapQuantiles(0.5, 0.95);
    this.#setText("gap-p50", formatMillis(p50));
    this.#setText("gap-p95", formatMillis(p95));
    const { speed } = figures;
    this.#setText("speed", speed === null ? "–" : `${Math.round(speed).toLocaleString("en")}/s`);
  }

  #showControls() {
    const running = this.isRunning;
    const enable = (role, enabled) => this.#part(role).setAttribute("aria-disabled", String(!enabled));
    enable("interrupt", running);
    enable("plug", running && this.#answer.id !== null && this.#answer.state !== "offline");
    enable("handover", running && this.#answer.id !== null);
    const other = (this.#answer?.transport ?? this.#home) === "websocket" ? "sse" : "websocket";
    this.#setText("handover", `Switch to ${NAMES[other]}`);
  }

  #showTransport(transport) {
    const name = transport === "websocket" ? "websocket" : "sse"; // `fetch` is SSE, too
    this.#root.dataset.transport = name;
    this.#setText("transport", name);
    this.#chart.draw();
  }

  #addNotice(text, now) {
    const item = document.createElement("li");
    const time = document.createElement("time");
    time.textContent = `${((now - this.#run.startedAt) / 1000).toFixed(1)} s`;
    item.append(time, text);
    this.#part("notices").append(item);
    item.parentElement.scrollTop = item.parentElement.scrollHeight;
  }

  #scrollToEnd() {
    if (!this.#autoScroll) return;
    const box = this.#part("scroll");
    requestAnimationFrame(() => { if (this.#autoScroll) box.scrollTop = box.scrollHeight; });
  }

  #part(role) {
    return this.#root.querySelector(`[data-role="${role}"]`);
  }

  #setText(role, text) {
    const part = this.#part(role);
    if (part.textContent !== text) part.textContent = text; // writing the same text again would make a live region announce it again
  }
}
