/**
 * The form below the panes: prompt, model and key, and whom the prompt is sent to.
 */

import { setText } from "../common/dom.js";
import { isSimulator } from "./instruments/settings.js";
import { failureMessage } from "./messages.js";
import { modelWithSettings } from "./simulator.js";
import { TRANSPORTS } from "./transports.js";
import { Dualstream } from "../dualstream.js";

const DEFAULT_PROMPT = "Why do people trust an answer more when they can watch it being written?";

export class Composer {
  #form = document.querySelector("#ask");
  #prompt = document.querySelector("#prompt");
  #target = document.querySelector("#target");
  #panes;
  #onReady;
  #token = null;

  /**
   * @param {Record<"left"|"right", import("./pane.js").Pane>} panes
   * @param {() => void} onReady called each time the gateway has answered, with the typed key if it needs one
   */
  constructor(panes, onReady) {
    this.#panes = panes;
    this.#onReady = onReady;
    this.#prompt.value = DEFAULT_PROMPT;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    document.querySelector("#stop-all").addEventListener("click", () => this.stop());
    document.querySelector("#use-key").addEventListener("click", () => this.#setToken());
    document.querySelector("#key").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#setToken();
    });
    document.addEventListener("pane-state", () => this.#showState());
    document.addEventListener("input", ({ target }) => { if (target.id === "model") this.#tellModel(); });
    document.querySelector("#new-conversation").addEventListener("click", () => this.#clear());
    window.addEventListener("hashchange", () => this.watch());
    this.#followHeight();
    this.#showState();
    this.#loadModels();
  }

  /** Leave as much room below the panes as the form needs. */
  #followHeight() {
    new ResizeObserver(([{ borderBoxSize: [{ blockSize }] }]) => {
      document.documentElement.style.setProperty("--composer", `${blockSize}px`);
    }).observe(this.#form);
  }

  /** Watch the generation whose id is in the address: `/#g_…`. */
  watch() {
    const generationId = location.hash.slice(1);
    if (generationId) for (const pane of this.#all) pane.watch(generationId);
  }

  /** Send a prompt as if it had been typed. @param {string} prompt @param {object} [options] of the request, for a real model */
  send(prompt, options = {}) {
    this.#prompt.value = prompt;
    this.#send(options);
  }

  focus() {
    this.#prompt.focus();
  }

  /** Stop the answer of the pane with the focus if one runs there, else all. */
  stop(focused = null) {
    const at = this.#all.filter((pane) => pane.contains(focused) && pane.isRunning);
    for (const pane of at.length > 0 ? at : this.#all) pane.interrupt();
  }

  get #all() {
    return Object.values(this.#panes);
  }

  #send(options = {}) {
    if (!this.#form.reportValidity()) return;
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    const prompt = this.#prompt.value.trim() || this.#prompt.value;
    const target = this.#target.value;
    const given = this.#optionsFor(options);
    for (const pane of target === "both" ? this.#all : [this.#panes[target]]) {
      const model = modelWithSettings(this.model);
      pane.start(prompt, { ...(model && { model }), ...(given && { options: given }) });
    }
    this.#prompt.value = "";
  }

  /** The simulator gets one seed for both panes, so that they show the same answer; a real model gets what the example needs. */
  #optionsFor(options) {
    if (isSimulator(this.model || "sim")) return { seed: Math.floor(Math.random() * 2 ** 31) };
    return Object.keys(options).length > 0 ? options : null;
  }

  #clear() {
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    for (const pane of this.#all) pane.clear();
    this.#prompt.focus();
  }

  /** @returns {string} the chosen model; "" is the gateway's default */
  get model() {
    return document.querySelector("#model").value.trim();
  }

  /** Use the typed key. It is kept only in the clients, and the field is cleared. */
  #setToken() {
    const field = document.querySelector("#key");
    this.#token = field.value.trim() || null;
    field.value = "";
    for (const pane of this.#all) pane.setToken(this.#token);
    this.#loadModels();
    this.watch();
  }

  #showState() {
    const running = this.#all.filter((pane) => pane.isRunning).length;
    document.querySelector("#stop-all").hidden = running === 0;
    setText(document.querySelector("[data-role=stop-all-label]"), running > 1 ? "Stop both" : "Stop");
    document.body.classList.toggle("running", running > 0);
    // A class: a selector with `:has` would be evaluated again with each token.
    document.body.classList.toggle("begun", document.querySelector(".turn") !== null);
    for (const option of this.#target.options) {
      if (option.value !== "both") option.textContent = TRANSPORTS[this.#panes[option.value].transport].name;
    }
  }

  /** The settings and the examples depend on the model. */
  #tellModel() {
    document.dispatchEvent(new Event("model-change"));
  }

  /** Replace the model's text field by a list, if the gateway returns its models. */
  async #loadModels() {
    const status = document.querySelector("#page-status");
    try {
      const { models, default: defaultModel } = await new Dualstream({ token: this.#token }).models();
      document.querySelector("#entry").hidden = true;
      status.textContent = "";
      this.#onReady();
      if (models.length === 0) return;
      const field = document.querySelector("#model");
      const list = document.createElement("select");
      list.id = field.id;
      list.append(...models.map((name) => new Option(name, name, name === defaultModel, name === defaultModel)));
      field.replaceWith(list);
      this.#tellModel();
    } catch (error) {
      const refused = error.status === 401;
      if (refused) document.querySelector("#entry").hidden = false;
      if (refused && this.#token !== null) document.querySelector("#key-hint").textContent = error.message;
      if (!refused) status.textContent = `The list of models could not be loaded. ${failureMessage(error.code)}`;
    }
  }
}
