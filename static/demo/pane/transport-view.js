/**
 * The transport of a pane as it is shown: title, colour, the choice among transports, and how it works.
 */

import { drawTransport } from "../diagram.js";
import { element, setText } from "../../common/dom.js";
import { TRANSPORTS, availableTransports } from "../transports.js";

export class TransportView {
  #pane;
  #part;

  /**
   * @param {import("../pane.js").Pane} pane
   * @param {(role: string) => HTMLElement} part returns an element of the pane
   */
  constructor(pane, part) {
    this.#pane = pane;
    this.#part = part;
    part("transports").append(...availableTransports().map((transport) => {
      const button = element("button", { type: "button", textContent: TRANSPORTS[transport].name, data: { choice: transport } });
      button.addEventListener("click", () => pane.useTransport(transport));
      return button;
    }));
  }

  /** @param {string} transport */
  show(transport) {
    const { root, name } = this.#pane;
    root.dataset.transport = transport;
    for (const part of document.querySelectorAll(`[data-follows="${name}"], .lab [data-pane="${name}"]`)) part.dataset.transport = transport;
    setText(this.#part("title"), TRANSPORTS[transport].title);
    this.#part("empty").replaceChildren(...explain(transport));
    for (const button of this.#part("transports").children) button.setAttribute("aria-pressed", String(button.dataset.choice === transport));
  }
}

function explain(transport) {
  const { summary, facts } = TRANSPORTS[transport];
  const list = element("dl", { className: "facts" }, ...facts.flatMap(([name, fact]) => [element("dt", { textContent: name }), element("dd", { textContent: fact })]));
  return [drawTransport(transport), element("p", { textContent: summary }), list];
}
