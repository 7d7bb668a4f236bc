/**
 * The examples as buttons above the prompt's field.
 */

import { element } from "../../common/dom.js";
import { EXAMPLES } from "./examples.js";

/**
 * Show the examples; a click sends the prompt with the example's settings, once.
 * @param {HTMLElement} slot
 * @param {(example: import("./examples.js").Example) => void} send
 * @returns {{show: (options: {simulated: boolean, begun: boolean}) => void}} shows those that a simulated or a real model can
 *   do, and none once a conversation has begun
 */
export function showExampleChips(slot, send) {
  const chips = EXAMPLES.map((example) => {
    const chip = element("button", { type: "button", className: "chip", textContent: example.label, title: example.shows });
    chip.addEventListener("click", () => send(example));
    return { chip, example };
  });
  slot.replaceChildren(...chips.map(({ chip }) => chip));
  return {
    show({ simulated, begun }) {
      slot.hidden = begun;
      for (const { chip, example } of chips) chip.hidden = example.simulated && !simulated;
    },
  };
}
