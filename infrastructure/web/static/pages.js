// @ts-check
// Says that script runs, copies frozen links, and prints.

document.documentElement.classList.add("has-script");

/** @param {string} text */
function announce(text) {
  const status = document.getElementById("status");
  if (status) status.textContent = text;
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target.closest("[data-copy], [data-copy-text], [data-print]") : null;
  if (target instanceof HTMLAnchorElement && target.dataset.copy !== undefined) {
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(target.href);
      announce("The frozen link is copied.");
    } catch {
      window.location.assign(target.href);
    }
  } else if (target instanceof HTMLElement && target.dataset.copyText !== undefined) {
    const source = document.getElementById(target.dataset.copyText);
    if (!source) return;
    try {
      await navigator.clipboard.writeText(source.textContent);
      announce("Copied.");
    } catch {
      // Without the clipboard the text is selected, so that a key copies it.
      window.getSelection()?.selectAllChildren(source);
    }
  } else if (target instanceof HTMLElement && target.dataset.print !== undefined) {
    window.print();
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
