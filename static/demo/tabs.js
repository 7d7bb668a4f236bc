/**
 * On a phone one pane is shown at a time: the panes are swiped, and the tabs say which one is shown.
 */

import { element, setText } from "../common/dom.js";
import { TRANSPORTS } from "./transports.js";

/**
 * @param {HTMLElement} root
 * @param {Record<"left"|"right", import("./pane.js").Pane>} panes
 */
export function addTabs(root, panes) {
  const buttons = new Map(Object.values(panes).map((pane) => [pane, addTab(root, pane)]));
  const scroller = panes.left.root.parentElement;
  const observer = new IntersectionObserver((entries) => {
    for (const { target, intersectionRatio } of entries) {
      const pane = Object.values(panes).find(({ root: shown }) => shown === target);
      buttons.get(pane).setAttribute("aria-pressed", String(intersectionRatio > 0.5));
    }
  }, { root: scroller, threshold: [0.4, 0.6] });
  for (const pane of buttons.keys()) observer.observe(pane.root);
}

function addTab(root, pane) {
  const name = element("span");
  const button = element("button", { type: "button", data: { follows: pane.name, transport: pane.transport } }, element("span", { className: "dot" }), name);
  button.setAttribute("aria-pressed", String(pane.name === "left"));
  const show = () => {
    setText(name, `${pane.name === "left" ? "Left" : "Right"}: ${TRANSPORTS[pane.transport].name}`); // the pane has buttons of the transports, too
    button.dataset.transport = pane.transport;
    button.dataset.state = pane.root.dataset.state ?? "idle";
  };
  button.addEventListener("click", () => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    pane.root.scrollIntoView({ inline: "start", block: "nearest", behavior: still ? "auto" : "smooth" });
  });
  pane.root.addEventListener("pane-state", show);
  show();
  root.append(button);
  return button;
}
