/**
 * Tables of figures.
 */

import { element } from "../../common/dom.js";
import { NAMES } from "./names.js";

/**
 * Return a header cell.
 * @param {string} textContent
 * @param {"row"|"col"} scope
 * @param {string} [transport] whose colour it has
 * @returns {HTMLElement}
 */
export function header(textContent, scope, transport) {
  return element("th", { textContent, scope, data: transport ? { transport } : {} });
}

/**
 * Return a head with a column for each transport.
 * @param {readonly string[]} transports
 * @param {...string} more further columns
 * @returns {HTMLElement}
 */
export function headOf(transports, ...more) {
  const cells = [...transports.map((transport) => header(NAMES[transport], "col", transport)), ...more.map((name) => header(name, "col"))];
  return element("thead", {}, element("tr", {}, element("td", {}), ...cells));
}

/**
 * Return a box that scrolls a table which is too wide or too long; it can be focused, so that keys scroll it, too.
 * @param {HTMLElement} table
 * @param {string} name for screen readers
 * @returns {HTMLElement}
 */
export function scrollBox(table, name) {
  const box = element("div", { className: "table-scroll", tabIndex: 0, ariaLabel: name }, table);
  box.setAttribute("role", "group");
  return box;
}
