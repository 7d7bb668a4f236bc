/**
 * The examples as buttons above the prompt's field.
 */

import { element } from "../dom.js";
import { EXAMPLES } from "./examples.js";

/**
 * Show the examples; a click sets the settings and sends the prompt.
 * @param {HTMLElement} slot
 * @param {object} options
 * @param {(prompt: string) => void} options.send
 * @param {(settings: Record<string, string>) => void} options.apply sets the simulator's settings
 * @returns {{show: (simulated: boolean) => void}} shows those that a simulated or a real model can do
 */
export function showExampleChips(slot, { send, apply }) {
  const chips = EXAMPLES.map((example) => {
    const chip = element("button", { type: "button", className: "chip", textContent: example.label, title: example.shows });
    chip.addEventListener("click", () => {
      apply(example.settings);
      send(example.prompt);
    });
    return { chip, example };
  });
  slot.replaceChildren(...chips.map(({ chip }) => chip));
  slot.hidden = false;
  return { show: (simulated) => { for (const { chip, example } of chips) chip.hidden = example.simulated && !simulated; } };
}
