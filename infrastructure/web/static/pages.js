// @ts-check
// Says that script runs, copies, and prints.

document.documentElement.classList.add("has-script");

/** @param {string} text */
function announce(text) {
  const status = document.getElementById("status");
  if (status) status.textContent = text;
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target.closest("[data-copy-text], [data-print]") : null;
  if (!(target instanceof HTMLElement)) return;
  if (target.dataset.print !== undefined) {
    window.print();
    return;
  }
  const source = document.getElementById(target.dataset.copyText ?? "");
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    announce("Copied.");
  } catch {
    // Without the clipboard the text is selected, so that a key copies it.
    window.getSelection()?.selectAllChildren(source);
  }
});

// What is closed on the screen is open on paper.
/** @type {HTMLDetailsElement[]} */
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")].filter((each) => each instanceof HTMLDetailsElement);
  opened.forEach((each) => { each.open = true; });
});
window.addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));
