// A button on each block of code that copies it, but not on what a program prints. Without a clipboard there is none.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll(":not(.highlight-text) > div.highlight")) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("pre").textContent.trimEnd());
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.append(button);
  }
}

// What scrolls must be reachable by keyboard (WCAG 2.1.1).
for (const box of document.querySelectorAll("div.highlight > pre, .table-wrapper")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}

document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Pages");
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
