/**
 * The dialogs of the page: the simulator's drawer, and the list of keys.
 */

/** Connect each dialog with the button that opens it. @returns {Record<"settings"|"help", {open: () => void}>} */
export function addDialogs() {
  return { settings: connect("settings"), help: connect("help") };
}

function connect(id) {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById(id));
  const open = () => { if (!dialog.open) dialog.showModal(); };
  document.getElementById(`open-${id}`).addEventListener("click", open);
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); }); // on the backdrop
  return { open };
}
