/**
 * The keys: who has one, what it may do, and what it used today.
 */

import { element, setText } from "../../common/dom.js";
import { number } from "../../common/units.js";
import { age, compact, dollars } from "../format.js";
import { askToRevoke, editKey, showSecret } from "./dialogs.js";
import { budgetShare, dayOf } from "./model.js";

const COLUMNS = [["Name", ""], ["Rights", "wide"], ["Requests today", "number middle"], ["Tokens today", "number wide"], ["Cost today", ""], ["Last used", "wide"], ["Expires", "middle"], ["Actions", "actions"]];

const PAGE = 500; // keys in one response

/** Shows and changes them. */
export class KeysView {
  #parts;
  #session;
  #onRefused;

  /**
   * @param {{root: HTMLElement, count: HTMLElement, notice: HTMLElement, create: HTMLElement, reload: HTMLElement, sheet: HTMLDialogElement}} parts
   * @param {import("../session.js").Session} session
   * @param {(error: import("../session.js").RequestError) => void} onRefused
   */
  constructor(parts, session, onRefused) {
    this.#parts = parts;
    this.#session = session;
    this.#onRefused = onRefused;
    parts.create.addEventListener("click", () => this.#create());
    parts.reload.addEventListener("click", () => this.#reload());
    this.#showEmpty("Loading…", "");
  }

  /** Read the keys and show them. */
  async load() {
    try {
      const { keys, editable, problem } = await this.#read();
      this.#parts.create.hidden = !editable;
      if (!editable && problem) this.#notify(problem);
      this.#show(keys);
    } catch (error) {
      if (error.isRefusal) this.#onRefused(error);
      else this.#showEmpty("The keys can’t be read.", error.message);
    }
  }

  /** Read all pages. */
  async #read() {
    const keys = [];
    for (let after = ""; ;) {
      const page = await this.#session.json(`/api/admin/keys?limit=${PAGE}&after=${after}`);
      keys.push(...page.keys);
      if (page.next === null) return { ...page, keys };
      after = page.next;
    }
  }

  #show(keys) {
    setText(this.#parts.count, keys.length ? number(keys.length) : "");
    if (keys.length === 0) return this.#showEmpty("There are no keys.", "Without keys, every client of this machine may use the gateway.");
    const heads = COLUMNS.map(([name, className]) => element("th", { scope: "col", className, textContent: name }));
    const rows = keys.map((key) => this.#row(key));
    this.#parts.root.replaceChildren(element("table", { className: "rows key-rows" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)));
  }

  #row(key) {
    const { name, id, roles, models, expires, last_used: used, today, editable } = key;
    const rights = [roles.join(", "), models ? models.join(", ") : "all models"].filter(Boolean).join(" · ");
    const cells = [
      [element("span", { className: "main", textContent: name }), element("span", { className: "sub", textContent: id })], [rights],
      [today ? number(today.requests) : "–"], [today ? `${compact(today.input_tokens)} / ${compact(today.output_tokens)}` : "–"], costCell(key),
      [used ? `${age((Date.now() - Date.parse(used)) / 1000)} ago` : "not yet"], [dayOf(expires) || "never"],
      editable ? [this.#action("Change", `Change ${name}`, () => this.#edit(key)), this.#action("Revoke", `Revoke ${name}`, () => this.#revoke(key), "danger")] : [element("span", { className: "sub", textContent: "in the configuration" })],
    ];
    return element("tr", {}, ...cells.map((cell, index) => element("td", { className: COLUMNS[index][1] }, ...cell)));
  }

  #action(text, name, onClick, className = "") {
    const button = element("button", { type: "button", className: `small ${className}`, textContent: text, ariaLabel: name });
    button.addEventListener("click", onClick);
    return button;
  }

  #create() {
    editKey(this.#parts.sheet, null, async (request) => {
      const created = await this.#session.json("/api/admin/keys", { method: "POST", body: request });
      showSecret(this.#parts.sheet, created);
      this.#report(`The key ${created.name} was created.`, created.gateways);
    });
  }

  #edit(key) {
    editKey(this.#parts.sheet, key, async (request) => {
      const changed = await this.#session.json(`/api/admin/keys/${encodeURIComponent(key.id)}`, { method: "PATCH", body: request });
      this.#parts.sheet.close();
      this.#report(`The key ${key.name} was changed.`, changed.gateways);
    });
  }

  #revoke(key) {
    askToRevoke(this.#parts.sheet, key, async () => {
      const revoked = await this.#session.json(`/api/admin/keys/${encodeURIComponent(key.id)}`, { method: "DELETE" });
      this.#parts.sheet.close();
      this.#report(`The key ${key.name} was revoked.`, revoked.gateways);
    });
  }

  async #reload() {
    try {
      const { changed, needs_restart: restart, gateways } = await this.#session.json("/api/admin/reload", { method: "POST", body: {} });
      const text = changed.length ? `Reloaded: ${changed.join(", ")}.` : "Reloaded: nothing has changed.";
      this.#report(restart.length ? `${text} A restart is needed for ${restart.join(", ")}.` : text, gateways);
    } catch (error) {
      if (error.isRefusal) this.#onRefused(error);
      else this.#notify([error.message, ...error.details].join("\n"), "bad");
    }
  }

  #report(text, gateways) {
    const failed = gateways?.failed ?? [];
    this.#notify(failed.length ? `${text} Not on ${failed.map(({ gateway, problem }) => `${gateway}: ${problem}`).join("; ")}` : text, failed.length ? "bad" : "");
    this.load();
  }

  #notify(text, tone = "") {
    setText(this.#parts.notice, text);
    this.#parts.notice.className = `notice ${tone}`;
    this.#parts.notice.hidden = false;
  }

  #showEmpty(title, text) {
    this.#parts.root.replaceChildren(element("div", { className: "empty-state" }, element("p", { className: "empty-title", textContent: title }), element("p", { textContent: text })));
  }
}

/** The cost of today, with a bar of the budget. */
function costCell(key) {
  const { today } = key;
  if (!today) return ["–"];
  const share = budgetShare(key);
  if (share === null) return [dollars(today.cost_usd)];
  const meter = element("meter", { min: 0, max: 1, high: 0.8, optimum: 0, value: share });
  meter.setAttribute("aria-label", `Budget of ${key.name} used`);
  return [element("span", { className: "budget" }, `${dollars(today.cost_usd)} of ${dollars(today.budget_usd)}`, meter)];
}
