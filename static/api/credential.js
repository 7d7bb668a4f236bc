/**
 * The key that requests carry. It is kept in memory only.
 */

export class Credential extends EventTarget {
  #key = "";

  get key() {
    return this.#key;
  }

  /** Use a key from now on; "" is none. @param {string} key */
  use(key) {
    this.#key = key.trim();
    this.dispatchEvent(new Event("change"));
  }

  /** Return the headers of a request. @returns {Record<string, string>} */
  headers() {
    return this.#key === "" ? {} : { Authorization: `Bearer ${this.#key}` };
  }
}

/** Connect the dialog in which a key is entered. @param {Credential} credential */
export function addKeyDialog(credential) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("key-dialog"));
  const field = /** @type {HTMLInputElement} */ (document.getElementById("key"));
  const state = document.getElementById("key-state");
  document.getElementById("open-key").addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); }); // on the backdrop
  dialog.addEventListener("close", () => { field.value = ""; });
  document.getElementById("forget-key").addEventListener("click", () => {
    credential.use("");
    dialog.close();
  });
  document.getElementById("key-form").addEventListener("submit", (event) => {
    event.preventDefault(); // the policy of the page forbids that a form is sent
    credential.use(field.value);
    dialog.close();
  });
  credential.addEventListener("change", () => { state.textContent = credential.key === "" ? "Key" : "Key in use"; });
}
