// @ts-check
// A live page asks again when the log has moved: not while the tab is hidden, text is selected, a field has the focus,
// or the reader has paused it.

const LEAST_PAUSE_MS = 2000;
const PAUSED = "conversions-live-paused";

/** @type {EventSource | null} */
let stream = null;
let moved = false;
let busy = false;
let last = 0;

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

async function refresh() {
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

function show() {
  const hint = document.querySelector("[data-live-state]");
  if (hint) hint.textContent = isPaused() ? "Paused" : "Live";
  const button = document.querySelector("[data-live-pause]");
  if (button) button.textContent = isPaused() ? "Go on" : "Pause";
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
setInterval(refresh, 500);
