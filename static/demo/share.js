/**
 * The link to a generation: another device shows it, and follows it while it runs.
 */

import { element } from "../common/dom.js";

/**
 * Return the link that shows a generation.
 * @param {string} generationId
 * @returns {string}
 */
export const linkTo = (generationId) => new URL(`/#${generationId}`, location.origin).href;

/**
 * Show a link, and copy it if the browser allows that.
 * @param {HTMLElement} root
 * @param {string} generationId
 * @param {boolean} needsKey true if this gateway has asked for a key
 */
export async function showLink(root, generationId, needsKey) {
  const field = /** @type {HTMLInputElement} */ (element("input", { readOnly: true, value: linkTo(generationId) }));
  field.setAttribute("aria-label", "Link to this answer");
  const status = element("p", { textContent: "" });
  status.setAttribute("role", "status");
  root.replaceChildren(field, status);
  root.hidden = false;
  field.focus();
  field.select();
  const copied = await copy(field.value);
  const key = needsKey ? " It asks there for a key of the same account: the link has none." : "";
  status.textContent = `${copied ? "Copied. " : ""}Opens this answer on any device that reaches this gateway, from the first word, and follows it while it runs.${key}`;
}

/**
 * Copy a text. Browsers allow it only in secure contexts, and a page over plain HTTP in the local network is none.
 * @param {string} text
 * @returns {Promise<boolean>} true if it was copied
 */
export async function copy(text) {
  if (!navigator.clipboard) return false;
  return navigator.clipboard.writeText(text).then(() => true, () => false);
}

/**
 * Copy a text, and say so on the button for a moment.
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copyWith(button, text) {
  const label = button.dataset.label ??= button.textContent;
  button.textContent = (await copy(text)) ? "Copied" : "Not allowed";
  setTimeout(() => { button.textContent = label; }, 1500);
}
