/**
 * The text that was waiting while a pane was away, marked for a few seconds. It uses the CSS Custom Highlight API: the text
 * stays as it is, and a browser without the API shows it without a mark.
 */

const SHOWN_MS = 4000;

export class RecoveredMark {
  #root;
  #name;
  #from = /** @type {number|null} */ (null);
  #to = /** @type {number|null} */ (null);
  #timer = null;

  /** @param {HTMLElement} root @param {string} name of the highlight in CSS */
  constructor(root, name) {
    this.#root = root;
    this.#name = name;
  }

  /** What is added from now on was waiting. */
  begin() {
    this.clear();
    this.#from = this.#root.textContent.length;
  }

  /** What is added from now on was not. */
  end() {
    if (this.#from === null) return;
    this.#to = this.#root.textContent.length;
    this.update();
    this.#timer = setTimeout(() => this.clear(), SHOWN_MS);
  }

  /** The elements have changed: mark the same text again. */
  update() {
    if (this.#from === null || !globalThis.CSS?.highlights) return;
    const range = rangeOf(this.#root, this.#from, this.#to ?? Infinity);
    if (range) CSS.highlights.set(this.#name, new Highlight(range));
    else CSS.highlights.delete(this.#name);
  }

  clear() {
    clearTimeout(this.#timer);
    if (this.#from !== null) globalThis.CSS?.highlights?.delete(this.#name);
    this.#from = this.#to = null;
  }
}

/** Return the range between two offsets in an element's text; null if it is empty. */
function rangeOf(root, from, to) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  let at = 0;
  let started = false;
  for (let node = walker.nextNode(); node !== null; at += node.data.length, node = walker.nextNode()) {
    const end = at + node.data.length;
    if (!started && end > from) {
      range.setStart(node, Math.max(0, from - at));
      started = true;
    }
    if (started) range.setEnd(node, Math.min(node.data.length, to - at));
    if (end >= to) break;
  }
  return started && !range.collapsed ? range : null;
}
