/**
 * Search: only the sections and entries that contain every word stay.
 */

/** Connect the search field. It looks at the names, texts and fields of `section[data-finds]`. */
export function addSearch() {
  const field = /** @type {HTMLInputElement} */ (document.getElementById("search"));
  const status = document.getElementById("page-status");
  const sections = [...document.querySelectorAll("section[data-finds]")];
  const apply = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = sections.filter((section) => words.every((word) => section.dataset.finds.includes(word)));
    const shown = new Set(found.map(({ id }) => id));
    for (const section of sections) section.hidden = !shown.has(section.id);
    for (const item of document.querySelectorAll("#contents li")) item.hidden = !shown.has(item.dataset.of);
    for (const group of document.querySelectorAll("#contents .group, main > .tag")) group.hidden = ![...group.querySelectorAll("li, section")].some((item) => !item.hidden);
    status.textContent = words.length === 0 ? "" : found.length === 0 ? `Nothing contains “${field.value}”.` : `${found.length} found.`;
    document.getElementById("introduction").hidden = words.length > 0;
  };
  field.addEventListener("input", apply);
  document.getElementById("finder").addEventListener("submit", (event) => {
    event.preventDefault();
    sections.find((section) => !section.hidden)?.querySelector("h3 a")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === field) {
      field.value = "";
      apply();
    }
    const isTyping = event.target instanceof Element && event.target.matches("input, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}
