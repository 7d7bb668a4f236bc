// A button on each block of code that copies it, but not on what a program prints. Without JavaScript, or without a clipboard, there is none.
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
