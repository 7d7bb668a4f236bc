/**
 * The model's name with the settings that the drawer shows.
 */

import { modelName } from "./instruments/settings.js";

/**
 * Return the model's name with the settings of the drawer, if it is a simulator without settings of its own.
 * @param {string} name
 * @returns {string}
 */
export function modelWithSettings(name) {
  const fields = /** @type {NodeListOf<HTMLSelectElement>} */ (document.querySelectorAll("[data-setting]"));
  const values = Object.fromEntries(Array.from(fields, ({ dataset, value }) => [dataset.setting, value]));
  return modelName(name, values, Math.random().toString(36).slice(2));
}
