/**
 * The views of the console: the address says which one is shown, so that it can be kept as a bookmark.
 */

const NAMES = ["live", "ends", "keys"];

/**
 * @param {(name: string) => void} onShow
 * @returns {{current: () => string}}
 */
export function addViews(onShow) {
  const current = () => (NAMES.includes(location.hash.slice(1)) ? location.hash.slice(1) : NAMES[0]);
  const show = () => {
    for (const name of NAMES) document.getElementById(`view-${name}`).hidden = name !== current();
    for (const link of document.querySelectorAll(".views a")) {
      if (link.getAttribute("href") === `#${current()}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    onShow(current());
  };
  addEventListener("hashchange", show);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target instanceof Element && event.target.matches("input, textarea, select")) return;
    const name = NAMES[Number(event.key) - 1];
    if (name) location.hash = name;
    else if (event.key === "/" && current() === "live") { event.preventDefault(); document.getElementById("filter-running").focus(); }
  });
  queueMicrotask(show);
  return { current };
}
