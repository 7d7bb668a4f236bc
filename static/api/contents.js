/**
 * The list of routes and schemas beside the page; the entry of what is in view is marked.
 */

import { element } from "../common/dom.js";
import { methodBadge } from "./parts.js";

/**
 * Fill the list.
 * @param {HTMLElement} nav
 * @param {import("./specification.js").Specification} specification
 */
export function addContents(nav, specification) {
  const groups = specification.groups.map(({ name, operations }) => group(`group-${name}`, name, operations.map(({ id, method, path, summary }) => entry(id, methodBadge(method), element("span", { className: "entry-path", textContent: path.replace(/^\/api\b/, "…").replace(/\{[a-z]+_id\}/g, "{id}"), title: `${path}: ${summary}` })))));
  const schemas = group("schemas", "schemas", specification.schemas.map(([name]) => entry(`schema-${name}`, element("span", { className: "entry-path", textContent: name }))));
  const toggle = element("details", { open: matchMedia("(min-width: 60rem)").matches }, element("summary", { textContent: "Contents" }), ...groups, schemas);
  nav.replaceChildren(toggle);
  // On a phone the list covers the page: it closes after a choice.
  nav.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("a") && !matchMedia("(min-width: 60rem)").matches) toggle.open = false;
  });
  mark(nav);
}

function group(id, title, entries) {
  return element("div", { className: "group" }, element("a", { className: "group-title", href: `#${id}`, textContent: title }), element("ul", {}, ...entries));
}

function entry(id, ...children) {
  return element("li", { data: { of: id } }, element("a", { href: `#${id}` }, ...children));
}

function mark(nav) {
  const links = new Map([...nav.querySelectorAll("li")].map((item) => [item.dataset.of, item.firstElementChild]));
  const inView = new Set();
  const observer = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) inView[isIntersecting ? "add" : "delete"](target.id);
    const current = [...links.keys()].find((id) => inView.has(id));
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
    links.get(current)?.scrollIntoView({ block: "nearest" });
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main section[id]")) observer.observe(section);
}
