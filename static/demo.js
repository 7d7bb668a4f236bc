/**
 * The demo page: a form, and two panes, one for each transport.
 */

import { failureMessage } from "./demo-messages.js";
import { Pane } from "./demo-pane.js";
import { Dualstream } from "./dualstream.js";

/** The form above the panes: prompt, model, settings and key. */
class PromptForm {
  #form = document.querySelector("#ask");
  #prompt = document.querySelector("#prompt");
  #panes;
  #token = null;

  constructor(panes) {
    this.#panes = panes;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#start(Object.values(panes));
    });
    document.querySelector("#run-sse").addEventListener("click", () => this.#start([panes.sse]));
    document.querySelector("#run-websocket").addEventListener("click", () => this.#start([panes.websocket]));
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.#interrupt(document.activeElement);
    });
    this.#form.addEventListener("input", () => this.#showSettings());
    document.querySelector("#use-key").addEventListener("click", () => this.#setToken());
    document.querySelector("#key").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#setToken();
    });
    window.addEventListener("hashchange", () => this.#watch());
    this.#showSettings();
    this.#loadModels();
    this.#watch();
  }

  /** Watch the generation whose id is in the address: `/#g_…`. */
  #watch() {
    const generationId = location.hash.slice(1);
    if (generationId) for (const pane of Object.values(this.#panes)) pane.watch(generationId);
  }

  #start(panes) {
    if (!this.#form.reportValidity()) return;
    const request = { prompt: this.#prompt.value.trim() || this.#prompt.value };
    const model = this.#modelName();
    if (model) request.model = model;
    for (const pane of panes) pane.start(request);
  }

  /** Use the typed key. It is kept only in the clients, and the field is cleared. */
  #setToken() {
    const field = document.querySelector("#key");
    this.#token = field.value.trim() || null;
    field.value = "";
    for (const pane of Object.values(this.#panes)) pane.setToken(this.#token);
    this.#loadModels();
    this.#watch();
  }

  /** Escape interrupts the pane with the focus if an answer runs there, else all panes. */
  #interrupt(focused) {
    const focusedPanes = Object.values(this.#panes).filter((pane) => pane.contains(focused) && pane.isRunning);
    for (const pane of focusedPanes.length > 0 ? focusedPanes : Object.values(this.#panes)) pane.interrupt();
  }

  /** Return the model's name. A simulator's name contains the settings, as in `sim?speed=85&ttft=300`. */
  #modelName() {
    const name = document.querySelector("#model").value.trim();
    if (!isSimulator(name)) return name;
    const settings = new URLSearchParams();
    for (const field of this.#form.querySelectorAll("[data-setting]")) {
      if (field.value !== "") settings.set(field.dataset.setting, field.value);
    }
    if (["drop", "stall", "garbage"].includes(settings.get("fault"))) settings.set("after", "20");
    return `${name}?${settings}`;
  }

  #showSettings() {
    document.querySelector("#simulator").hidden = !isSimulator(document.querySelector("#model").value.trim());
  }

  /** Replace the model's text field by a list, if the gateway returns its models. */
  async #loadModels() {
    try {
      const { models, default: defaultModel } = await new Dualstream({ token: this.#token }).models();
      document.querySelector("#entry").hidden = true;
      document.querySelector("#page-status").textContent = "";
      if (models.length === 0) return;
      const field = document.querySelector("#model");
      const list = document.createElement("select");
      list.id = field.id;
      list.append(...models.map((name) => new Option(name, name, name === defaultModel, name === defaultModel)));
      field.replaceWith(list);
      this.#showSettings();
    } catch (error) {
      const refused = error.status === 401;
      if (refused) document.querySelector("#entry").hidden = false;
      if (refused && this.#token !== null) document.querySelector("#key-hint").textContent = error.message;
      if (!refused) document.querySelector("#page-status").textContent = `The list of models could not be loaded. ${failureMessage(error.code)}`;
    }
  }
}

/** True for a simulator's model without its own settings; false for example for `simplex-7b` and `sim?speed=40`. */
const isSimulator = (name) => /^sim(-[^?]*)?$/.test(name);

const panes = {
  sse: new Pane(document.querySelector("#pane-sse")),
  websocket: new Pane(document.querySelector("#pane-websocket")),
};
new PromptForm(panes);
