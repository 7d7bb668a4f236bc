/**
 * One generation: its facts, its attempts, and its text, live while it runs.
 */

import { Drawing } from "../../common/charts/drawing.js";
import { element, setText } from "../../common/dom.js";
import { milliseconds, number } from "../../common/units.js";
import { EventReader } from "../event-reader.js";
import { age, clockTime, dollars, speed, stateName, transportName, viewersText } from "../format.js";
import { AnswerText } from "./answer.js";
import { attemptText, drawAttempts } from "./attempts.js";

const ICON_CLOSE = "M5 5l10 10M15 5L5 15";
const SVG = "http://www.w3.org/2000/svg";

/** The drawer. It shows one generation until it is closed. */
export class Detail {
  #dialog;
  #session;
  #find;
  #id = "";
  #answer = new AnswerText();
  #reader = /** @type {EventReader|null} */ (null);
  #position = "";
  #snapshot = /** @type {any} */ (null);
  #drawing = new Drawing();
  #parts;

  /**
   * @param {HTMLDialogElement} dialog
   * @param {import("../session.js").Session} session
   * @param {(id: string) => {row: any, summary: any, speed: number, now: number}} find what is known of a generation
   */
  constructor(dialog, session, find) {
    this.#dialog = dialog;
    this.#session = session;
    this.#find = find;
    this.#parts = this.#build();
    dialog.addEventListener("close", () => this.#leave());
    dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); }); // on the backdrop
  }

  /** Show a generation. @param {string} id */
  open(id) {
    this.#leave();
    this.#id = id;
    this.#answer = new AnswerText();
    this.#snapshot = null;
    this.#position = "";
    this.#parts.text.replaceChildren(document.createTextNode(""));
    setText(this.#parts.problem, "");
    setText(this.#parts.copied, "");
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#parts.title.focus();
    this.show();
    this.#loadSnapshot(true);
    if (this.#find(id).row) this.#watch();
  }

  /** Show what has changed; called each second. */
  show() {
    if (!this.#id || !this.#dialog.open) return;
    const { row, summary, speed: tokensPerSecond, now } = this.#find(this.#id);
    const runs = Boolean(row) && !summary && !this.#answer.end;
    const state = runs ? row.state : summary?.end ?? this.#endState(row);
    const { title, badge, stop, facts, generation } = this.#parts;
    setText(title, (row ?? summary ?? this.#snapshot)?.model ?? "Generation");
    setText(badge, summary?.code ?? stateName(state));
    badge.dataset.state = state;
    setText(generation, this.#id);
    stop.hidden = !runs;
    stop.setAttribute("aria-disabled", String(state === "stopping"));
    showFacts(facts, summary ? endFacts(summary) : row ? runningFacts(row, tokensPerSecond, now) : []);
    setText(this.#parts.message, summary?.message ?? this.#answer.end?.message ?? (summary?.reason ? `Reason: ${summary.reason}` : ""));
    this.#showAttempts(row, summary, now);
    this.#showNote(runs);
  }

  #endState(row) {
    return { complete: "complete", interrupted: "interrupted", error: "error" }[this.#answer.end?.type] ?? this.#snapshot?.state ?? row?.state ?? "waiting";
  }

  #showNote(runs) {
    const { reasoning, tools, note, text } = this.#answer;
    const parts = [note, reasoning ? `${number(reasoning)} characters of reasoning.` : "", tools.length ? `Calls ${tools.join(", ")}.` : ""];
    if (!text && !note && runs) parts.push("No text yet.");
    if (!text && !runs && this.#snapshot === undefined) parts.push("The text is no longer kept.");
    setText(this.#parts.note, parts.filter(Boolean).join(" "));
    this.#parts.scroll.hidden = text === "";
    this.#parts.scroll.dataset.live = String(runs);
  }

  #showAttempts(row, summary, now) {
    const attempts = summary?.attempts ?? (this.#snapshot?.attempts ?? []).map(attemptOfSnapshot);
    const metrics = summary?.metrics ?? this.#snapshot?.metrics;
    this.#parts.attempts.hidden = attempts.length === 0 || !metrics;
    if (this.#parts.attempts.hidden) return;
    const totalMs = summary ? metrics.duration_ms : Math.max(metrics.duration_ms, row ? (now - row.started) * 1000 : 0);
    const name = `Attempts: ${attempts.map(attemptText).join("; ")}.`;
    this.#drawing.show((width) => drawAttempts(attempts, { queueMs: metrics.queue_ms, totalMs, width }), name);
  }

  /** Read its state; with `text`, also the text of one that has ended. */
  async #loadSnapshot(withText = false) {
    const id = this.#id;
    try {
      const snapshot = await this.#session.json(`/api/generations/${encodeURIComponent(id)}`);
      if (id !== this.#id) return;
      this.#snapshot = snapshot;
      if (withText && snapshot.end) this.#setText(snapshot.text);
    } catch {
      if (id !== this.#id) return;
      this.#snapshot = undefined; // not kept any more
    }
    this.show();
  }

  #watch() {
    const id = this.#id;
    const path = `/api/generations/${encodeURIComponent(id)}/events?watch=true`;
    this.#reader = new EventReader(this.#session, () => ({ path, headers: this.#position ? { "Last-Event-ID": this.#position } : {} }), {
      onEvent: (_name, event, position) => { if (id === this.#id) this.#onEvent(event, position); },
      onRefused: () => this.#loadSnapshot(true),
      isOver: () => this.#answer.end !== null,
    });
    this.#reader.start();
  }

  #onEvent(event, position) {
    this.#position = position;
    const before = this.#answer.text.length;
    const changed = this.#answer.apply(event);
    if (changed === "text") this.#append(this.#answer.text.slice(before));
    else if (changed !== "") {
      this.#setText(this.#answer.text);
      if (changed === "calls") this.#loadSnapshot();
      this.show();
    }
  }

  #append(text) {
    const { scroll, text: shown } = this.#parts;
    scroll.hidden = false;
    const follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48;
    /** @type {Text} */ (shown.firstChild).appendData(text);
    if (follows) scroll.scrollTop = scroll.scrollHeight;
  }

  #setText(text) {
    this.#answer.text = text;
    this.#parts.text.replaceChildren(document.createTextNode(text));
    this.#parts.scroll.hidden = text === "";
  }

  async #stop() {
    if (this.#parts.stop.getAttribute("aria-disabled") === "true") return;
    this.#parts.stop.setAttribute("aria-disabled", "true");
    try {
      await this.#session.fetch(`/api/generations/${encodeURIComponent(this.#id)}/interrupt`, { method: "POST", body: { reason: "stopped in the console" } });
      setText(this.#parts.problem, "");
    } catch (error) {
      this.#parts.stop.setAttribute("aria-disabled", "false");
      if (error.code !== "already_over") setText(this.#parts.problem, error.message);
    }
  }

  async #copy() {
    await navigator.clipboard.writeText(this.#id).then(() => setText(this.#parts.copied, "Copied."), () => setText(this.#parts.copied, "Not allowed here."));
  }

  #leave() {
    this.#reader?.stop();
    this.#reader = null;
    this.#id = "";
  }

  #build() {
    const title = element("h2", { id: "detail-title", tabIndex: -1 });
    const badge = element("span", { className: "end-badge" });
    const close = element("button", { type: "button", className: "quiet", ariaLabel: "Close" }, icon(ICON_CLOSE));
    const stop = element("button", { type: "button", className: "stop" }, element("span", { className: "stop-mark" }), "Stop");
    const generation = element("code");
    const copy = element("button", { type: "button", className: "quiet", textContent: "Copy id" });
    const copied = element("span", { className: "hint", role: "status" });
    const problem = element("p", { className: "problem-line", role: "alert" });
    const message = element("p", { className: "message" });
    const facts = element("dl", { className: "facts-grid" });
    const attempts = element("section", { className: "attempts" }, element("h3", { textContent: "Attempts" }), this.#drawing.element, attemptLegend());
    const note = element("p", { className: "hint" });
    const text = element("pre", { className: "answer-text" });
    const scroll = element("div", { className: "answer-scroll", tabIndex: 0 }, text);
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Text of the answer");
    close.addEventListener("click", () => this.#dialog.close());
    stop.addEventListener("click", () => this.#stop());
    copy.addEventListener("click", () => this.#copy());
    this.#dialog.append(
      element("header", { className: "drawer-head" }, element("div", { className: "detail-title" }, title, badge), element("div", { className: "head-tools" }, stop, close)),
      element("p", { className: "detail-id" }, generation, copy, copied), problem, message, facts, attempts,
      element("section", { className: "answer" }, element("h3", { textContent: "Text" }), note, scroll),
    );
    return { title, badge, stop, generation, copied, problem, message, facts, attempts, note, text, scroll };
  }
}

function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of [["class", "icon"], ["viewBox", "0 0 20 20"], ["aria-hidden", "true"]]) svg.setAttribute(name, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function attemptLegend() {
  const items = [["queued", "queue"], ["calling", "call to response"], ["waiting", "to the first token"], ["streaming", "streaming"]];
  return element("ul", { className: "legend" }, ...items.map(([kind, name]) => element("li", {}, element("span", { className: `key k-${kind}` }), name)));
}

/** Return an attempt of a snapshot in the form of a summary's. */
function attemptOfSnapshot({ attempt, ...rest }) {
  return { number: attempt, ...rest };
}

function showFacts(list, facts) {
  const shown = facts.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const names = shown.map(([name]) => name).join("\n");
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...shown.map(([name]) => element("div", {}, element("dt", { textContent: name }), element("dd"))));
  }
  for (const [index, [, value]] of shown.entries()) setText(list.children[index].lastElementChild, String(value));
}

function runningFacts(row, tokensPerSecond, now) {
  return [
    ["Principal", row.principal], ["Provider", row.provider ?? "none yet"], ["Started by", `${transportName(row.transport)}, ${row.dialect}`],
    ["Viewers", viewersText(row.viewers)], ["Age", age(now - row.started)], ["First token", row.ttft_ms === null ? "–" : milliseconds(row.ttft_ms)],
    ["Speed", `${speed(tokensPerSecond)} tokens/s`], ["Tokens out", number(row.output_tokens)], ["Cost", dollars(row.cost_usd)],
    ["Revision", row.revision > 1 ? String(row.revision) : ""], ["Queue", row.queue_position ? `place ${row.queue_position}` : ""], ["Gateway", row.gateway],
  ];
}

function endFacts({ principal, provider, source, metrics, usage, cost_usd: cost, views, resumes, finish_reason: finish, interrupted_by: by, cancel_ms: cancel, ended_at: ended, request_id: request, gateway }) {
  const about = usage.source === "estimated" ? "about " : "";
  return [
    ["Principal", principal], ["Provider", provider ?? "none"], ["Started by", `${transportName(source.transport)}, ${source.dialect}`],
    ["Viewers", viewersText(views)], ["Resumes", resumes ? number(resumes) : ""], ["Ended", clockTime(ended)], ["Duration", milliseconds(metrics.duration_ms)],
    ["First token", milliseconds(metrics.ttft_ms)], ["Queue", metrics.queue_ms >= 20 ? milliseconds(metrics.queue_ms) : ""],
    ["Tokens in", `${about}${number(usage.input_tokens)}`], ["Tokens out", `${about}${number(usage.output_tokens)}`], ["Cost", dollars(cost)],
    ["Finish reason", finish], ["Interrupted by", by], ["Stopped within", cancel === null ? "" : milliseconds(cancel)], ["Request", request], ["Gateway", gateway],
  ];
}
