// What both pages share, and the start of whatever the page at hand has room for.

import { openCalculator } from "./calculator.js";
import { openLab } from "./lab.js";
import { SAMPLES, findSamples } from "./samples.js";
import { bytesText, timeText } from "./units.js";

const COPIED_FOR_MS = 1600;

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

/** Give each command on the page a button that copies it. */
function offerCopies() {
  for (const command of document.querySelectorAll(".command")) {
    const code = command.querySelector("code");
    const pre = command.querySelector("pre");
    const button = document.createElement("button");
    const say = (text) => { button.textContent = text; };
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-live", "polite");
    say("Copy");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        say("Copied");
      } catch {
        // No clipboard without a secure context: the next best thing is to have it selected.
        select(code);
        say("Selected");
      }
      setTimeout(say, COPIED_FOR_MS, "Copy");
    });
    command.append(button);
    // A long line scrolls, by keyboard too; not every browser makes what scrolls focusable by itself.
    Object.assign(pre, { tabIndex: 0, role: "group", ariaLabel: "Command" });
  }
}

/** Commands name the address that this page really came from. */
function nameThisServer() {
  const root = new URL("..", import.meta.url).href;
  for (const place of document.querySelectorAll("[data-origin]")) place.textContent = root;
}

/** Say which server sent this page, if it names itself. */
async function showServer(place) {
  const response = await fetch(location.href, { method: "HEAD", cache: "no-store" });
  const server = response.headers.get("Server");
  if (!response.ok || !server) return;
  place.querySelector("b").textContent = server;
  place.hidden = false;
}

/**
 * Let the pictures move, with a button that stops them. They are complete without; the style sheet
 * moves nothing, and hides the button, where less motion is preferred.
 */
function offerMotion(button) {
  const set = (isPaused) => {
    document.documentElement.dataset.motion = isPaused ? "paused" : "running";
    button.setAttribute("aria-pressed", isPaused);
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") === "false"));
  button.hidden = false;
  set(false);
}

/** Say which samples are absent, and strike out the links to them. */
async function showAbsent(notice) {
  const found = await findSamples();
  const absent = SAMPLES.filter((name) => !(name in found));
  for (const name of absent) {
    document.querySelector(`a[href="${name}"]`).closest("tr").classList.add("absent");
  }
  notice.querySelector("span").textContent = absent.join(", ");
  notice.hidden = absent.length === 0;
}

nameThisServer();
offerCopies();
if (document.getElementById("motion")) offerMotion(document.getElementById("motion"));
if (document.getElementById("calculator")) openCalculator();
if (document.getElementById("lab")) openLab();
const served = document.getElementById("served");
const absent = document.getElementById("absent");
// Neither is worth a word when the server can't be reached: the page itself is already here.
if (served) showServer(served).catch(() => {});
if (absent) showAbsent(absent).catch(() => {});
