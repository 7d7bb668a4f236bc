/**
 * The form in the drawer: the simulator's settings, what the model's name becomes, and a hint if the model is a real one.
 */

import { element, setText } from "../../common/dom.js";
import { GROUPS, SETTINGS, initialValues, isSimulator, modelName, queryWith, valuesOf } from "./settings.js";

export class SettingsDrawer {
  #fields = new Map(SETTINGS.map((setting) => [setting.name, fieldOf(setting)]));
  #form;
  #real = element("p", { className: "drawer-note" });
  #name = element("code", { className: "model-name" });
  #model = () => "";

  /**
   * Fill the drawer; the values come from the page's address.
   * @param {HTMLElement} slot
   */
  constructor(slot) {
    const reset = element("button", { type: "button", textContent: "Reset" });
    reset.addEventListener("click", () => this.set({}));
    this.#form = element("fieldset", { id: "simulator", className: "simulator" },
      element("legend", { className: "visually-hidden", textContent: "Simulator" }),
      ...GROUPS.map(({ title, settings }) => element("div", { className: "setting-group" },
        element("h3", { textContent: title }),
        ...settings.map(({ name, label }) => element("label", {}, element("span", { textContent: label }), this.#fields.get(name))))),
      element("p", { className: "drawer-note" }, "The settings are part of the model’s name: ", this.#name),
      element("p", { className: "drawer-note" }, "They stay in this page’s address: a link shares them. ", reset));
    slot.replaceChildren(this.#real, this.#form);
    this.#write(valuesOf(new URLSearchParams(location.search)));
    this.#form.addEventListener("change", () => this.#changed());
  }

  /** @returns {Record<string, string>} */
  get values() {
    return Object.fromEntries([...this.#fields].map(([name, field]) => [name, field.value]));
  }

  /** Set these values; the others become initial. @param {Record<string, string>} values */
  set(values) {
    this.#write({ ...initialValues(), ...values });
    this.#changed();
  }

  /**
   * Call a function with other settings: an example must not make the next prompt fail, too.
   * @param {Record<string, string>} values the others are initial
   * @param {() => void} use
   */
  with(values, use) {
    const before = this.values;
    this.#write({ ...initialValues(), ...values });
    try {
      use();
    } finally {
      this.#write(before);
    }
  }

  /** Follow the chosen model. @param {() => string} model returns its name */
  follow(model) {
    this.#model = model;
    this.show();
  }

  /** Show what the settings do with the chosen model. */
  show() {
    const name = this.#model() || "sim";
    const simulated = isSimulator(name);
    this.#form.disabled = !simulated;
    this.#real.hidden = simulated;
    setText(this.#real, `${name} is a real model, or has settings in its name: these settings work with the simulator only. Choose a model whose name begins with “sim”, if the gateway lists one.`);
    setText(this.#name, simulated ? modelName(name, this.values) : name);
    this.#fields.get("after").disabled = this.#fields.get("times").disabled = this.values.fault === "";
  }

  #write(values) {
    for (const [name, field] of this.#fields) field.value = values[name];
  }

  #changed() {
    const query = queryWith(new URLSearchParams(location.search), this.values).toString();
    history.replaceState(history.state, "", `${location.pathname}${query && `?${query}`}${location.hash}`);
    this.show();
  }
}

function fieldOf({ name, choices, initial }) {
  return /** @type {HTMLSelectElement} */ (element("select", { data: { setting: name } }, ...choices.map(([value, text]) => new Option(text, value, value === initial, value === initial))));
}
