// @ts-check
// Says that script runs, copies frozen links, and prints.

document.documentElement.classList.add("has-script");

/**
 * Says in the link and to screen readers that it is copied.
 * @param {Element} link
 */
function announce(link) {
  const label = link.querySelector(".with-script");
  const status = document.getElementById("status");
  if (!label || !status || label.textContent === "Copied") return;
  const before = label.textContent;
  label.textContent = "Copied";
  status.textContent = "The frozen link is copied.";
  setTimeout(() => {
    label.textContent = before;
    status.textContent = "";
  }, 3000);
}

document.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target.closest("[data-copy], [data-print]") : null;
  if (target instanceof HTMLElement && target.dataset.print !== undefined) window.print();
  if (!(target instanceof HTMLAnchorElement) || target.dataset.copy === undefined) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(target.href);
    announce(target);
  } catch {
    window.location.assign(target.href);
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
