// @ts-check
// Says that script runs, copies, and prints.

document.documentElement.classList.add("has-script");

/** @param {string} text */
function announce(text) {
  const status = document.getElementById("announced");
  if (status) status.textContent = text;
}

/**
 * Copies the address of a frozen link, and says so in it; where nothing can be copied, the link is opened.
 * @param {HTMLAnchorElement} link
 */
async function copyLink(link) {
  try {
    await navigator.clipboard.writeText(link.href);
  } catch {
    window.location.assign(link.href);
    return;
  }
  announce("The frozen link is copied.");
  const label = link.querySelector(".with-script");
  if (!label || label.textContent === "Copied") return;
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => { label.textContent = before; }, 3000);
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target.closest("[data-copy], [data-copy-text], [data-print]") : null;
  if (!(target instanceof HTMLElement)) return;
  if (target.dataset.print !== undefined) {
    window.print();
    return;
  }
  if (target instanceof HTMLAnchorElement) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    await copyLink(target);
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
