/**
 * Keyboard shortcuts; `#help` in demo.html lists them.
 */

/**
 * @param {object} page
 * @param {Record<"left"|"right", import("./pane.js").Pane>} page.panes
 * @param {import("./composer.js").Composer} page.composer
 * @param {Record<"settings"|"help", {open: () => void}>} page.dialogs
 */
export function addShortcuts({ panes, composer, dialogs }) {
  const focusedPane = () => Object.values(panes).find((pane) => pane.contains(document.activeElement)) ?? null;
  const shortcuts = {
    "/": () => composer.focus(),
    1: () => panes.left.focus(),
    2: () => panes.right.focus(),
    f: () => (focusedPane() ?? panes.left).focusFeedback(),
    x: () => (focusedPane() ?? panes.left).cutConnection(),
    s: () => { if (!document.getElementById("open-settings").hidden) dialogs.settings.open(); },
    "?": () => dialogs.help.open(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return composer.stop(document.activeElement);
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const shortcut = shortcuts[event.key.toLowerCase()];
    if (!shortcut) return;
    event.preventDefault();
    shortcut();
  });
}

/** True for a field that takes the letters itself. */
const isTyping = (target) => target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
