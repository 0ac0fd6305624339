// @ts-check
// Keys, never in fields, and off when the reader wants: ? help, / search, g c campaigns, [ and ] periods, y copies the link.

const OFF = "conversions-keys-off";
let started = "";

/** @param {string} selector */
function press(selector) {
  const found = document.querySelector(selector);
  if (found instanceof HTMLElement) found.click();
}

/**
 * Goes to the period before or after; where none is chosen, it says so, and the field that chooses one gets the focus.
 * @param {string} selector
 */
function move(selector) {
  if (document.querySelector(selector)) return press(selector);
  const field = document.querySelector("#from");
  const status = document.getElementById("announced");
  if (status) {
    status.textContent = field ? "No period is chosen: choose its days under Received from." : "This page has no period.";
    status.className = "note said";
    setTimeout(() => { status.className = "hidden"; }, 4000);
  }
  if (field instanceof HTMLElement) field.focus();
}

function help() {
  const dialog = document.getElementById("keys");
  if (dialog instanceof HTMLDialogElement) dialog.showModal();
}

/** @type {Record<string, () => unknown>} */
const ACTIONS = {
  "?": help,
  "/": () => {
    const field = document.querySelector("#word, #find-user");
    if (field instanceof HTMLElement) field.focus();
  },
  "[": () => move("[data-earlier]"),
  "]": () => move("[data-later]"),
  y: () => press("[data-copy]"),
  "g c": () => window.location.assign("/"),
};

document.addEventListener("keydown", (event) => {
  const target = event.target;
  const typing = target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF) === "yes") return;
  const key = started ? `${started} ${event.key}` : event.key;
  started = event.key === "g" && !started ? "g" : "";
  const act = ACTIONS[key];
  if (act) {
    event.preventDefault();
    act();
  }
});

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  if (event.target.closest("[data-keys]")) help();
  const box = event.target.closest("[data-keys-off]");
  if (box instanceof HTMLInputElement) localStorage.setItem(OFF, box.checked ? "yes" : "no");
});

const box = document.querySelector("[data-keys-off]");
if (box instanceof HTMLInputElement) box.checked = localStorage.getItem(OFF) === "yes";
