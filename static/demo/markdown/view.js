/**
 * A text in Markdown as DOM nodes, rendered while it arrives.
 */

export class MarkdownView {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** Add text at the end. @param {string} content */
  push(content) {
    this.#root.append(content);
    this.#root.normalize();
  }

  /** Replace everything. @param {string} text */
  reset(text = "") {
    this.#root.replaceChildren(text);
  }

  /** Show what is still open as it is: no more text follows. */
  end() {}
}
