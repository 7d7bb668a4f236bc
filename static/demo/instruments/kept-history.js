/**
 * Measured runs over a reload of the page, in this tab.
 */

import { History } from "./history.js";

const KEY = "dualstream.measured";

/** @returns {History} with the runs that this tab has kept */
export function keptHistory() {
  const history = new History();
  try {
    history.restore(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
  } catch {
    // Storage is switched off, or holds what is no JSON: begin without.
  }
  return history;
}

/** Keep the runs. @param {History} history */
export function keep(history) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(history));
  } catch {
    // Storage is full or switched off: the runs last until the page is left.
  }
}
