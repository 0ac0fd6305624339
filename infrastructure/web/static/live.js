// @ts-check
// A live page asks again when the log has moved: not while the tab is hidden, text is selected, a field has the focus,
// or the reader has paused it. What the log does not hold, such as a rejected fact, is asked for by the clock.

const LEAST_PAUSE_MS = 2000;
const PAUSED = "conversions-live-paused";

/** @type {EventSource | null} */
let stream = null;
let moved = false;
let busy = false;
let last = Date.now();

function isPaused() {
  return sessionStorage.getItem(PAUSED) === "yes";
}

function isInUse() {
  const focused = document.activeElement;
  const editing = focused instanceof HTMLInputElement || focused instanceof HTMLSelectElement || focused instanceof HTMLTextAreaElement;
  return document.hidden || editing || !(window.getSelection()?.isCollapsed ?? true) || document.querySelector("dialog[open]") !== null;
}

function source() {
  return document.querySelector("[data-live]")?.getAttribute("data-live") ?? null;
}

/** Whether a part of the page is due that moves without the log. */
function isDue() {
  const every = document.querySelector("[data-live-every]")?.getAttribute("data-live-every");
  return every != null && Date.now() - last >= Number(every) * 1000;
}

async function refresh() {
  if (isDue()) moved = true;
  if (!moved || busy || isPaused() || isInUse() || Date.now() - last < LEAST_PAUSE_MS || !source()) return;
  moved = false;
  busy = true;
  last = Date.now();
  try {
    // @ts-ignore - htmx is loaded before this module
    await window.htmx.ajax("GET", window.location.href, { target: "#main", select: "#main", swap: "outerMorph" });
  } finally {
    busy = false;
    show();
  }
}

/**
 * @param {string} selector
 * @param {string} text
 */
function say(selector, text) {
  const found = document.querySelector(selector);
  if (found && found.textContent !== text) found.textContent = text;
}

function show() {
  const waits = moved && !(window.getSelection()?.isCollapsed ?? true);
  say("[data-live-state]", isPaused() ? "Paused" : waits ? "Waits while text is selected" : "Live");
  say("[data-live-pause]", isPaused() ? "Go on" : "Pause");
}

function follow() {
  const url = source();
  if (!url) return;
  stream = new EventSource(url);
  stream.addEventListener("moved", () => { moved = true; });
}

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-live-pause]")) {
    sessionStorage.setItem(PAUSED, isPaused() ? "no" : "yes");
    moved = true;
    show();
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream) {
    moved = true;
    follow();
  }
});
window.addEventListener("pagehide", () => stream?.close());

show();
follow();
setInterval(() => { refresh(); show(); }, 500);
