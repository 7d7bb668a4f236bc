/**
 * What the panes show, kept in the tab's sessionStorage, so that a refresh goes on where it was. Keys are never stored.
 */

const KEY = "dualstream-demo";
const VERSION = 1;
const MAX_PART = 100_000; // characters of an image that is kept

/**
 * Read what an earlier page has stored.
 * @param {Storage} storage
 * @returns {Record<string, object>} by pane; empty if there is nothing that this version can read
 */
export function load(storage) {
  try {
    const stored = JSON.parse(storage.getItem(KEY) ?? "{}");
    return stored?.version === VERSION && stored.panes instanceof Object ? stored.panes : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

/**
 * Store what the panes show; without any turn, nothing.
 * @param {Storage} storage
 * @param {Record<string, {turns: object[]}>} panes
 */
export function save(storage, panes) {
  storage.removeItem(KEY);
  if (Object.values(panes).every(({ turns }) => turns.length === 0)) return;
  try {
    storage.setItem(KEY, JSON.stringify({ version: VERSION, panes }, withoutLargeData));
  } catch (error) {
    // Full: a refresh begins again.
    if (!(error instanceof DOMException)) throw error;
  }
}

const withoutLargeData = (name, value) => (name === "data" && typeof value === "string" && value.length > MAX_PART ? undefined : value);
