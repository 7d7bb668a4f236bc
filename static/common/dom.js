/**
 * Small helpers for the DOM. They set text, never markup.
 */

/**
 * Create an element.
 * @param {string} name
 * @param {Record<string, unknown>} [properties] properties of the element, such as `className` or `textContent`; `data` is its dataset
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function element(name, { data = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

/**
 * Set an element's text if it differs: a live region would announce the same text again.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * Return a copy of a template's content.
 * @param {string} id
 * @returns {DocumentFragment}
 */
export function fromTemplate(id) {
  return /** @type {HTMLTemplateElement} */ (document.getElementById(id)).content.cloneNode(true);
}
