// The live downloads: two lanes, each a small state machine around download().

import { download, firstByteWait } from "./download.js";
import { SpeedGraph } from "./graph.js";
import { SAMPLES, findSamples } from "./samples.js";
import { MIB, bytesText, speedText, timeText } from "./units.js";

const MAX_IN_MEMORY_SIZE = MIB;

// What the two buttons do in each state: label of the main one, its action, is "Start over" offered.
const STATES = {
  idle: { label: "Start download", action: "start", startsOver: false },
  running: { label: "Cancel", action: "cancel", startsOver: false },
  partial: { label: "Resume with a Range", action: "resume", startsOver: true },
  failed: { label: "Try again", action: "start", startsOver: false },
  done: { label: "Download again", action: "start", startsOver: false },
};

const SHOWN_HEADERS = ["Content-Range", "Content-Length", "Content-Type", "Accept-Ranges", "ETag",
  "Last-Modified", "Cache-Control", "Server"];

function exchangeText(url, headers, response) {
  const asked = [`GET ${new URL(url).pathname}`];
  for (const [name, value] of Object.entries(headers)) asked.push(`${name}: ${value}`);
  const answered = [`${response.status} ${response.statusText}`.trim()];
  for (const name of SHOWN_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) answered.push(`${name}: ${value}`);
  }
  return [...asked.map((line) => `> ${line}`), ...answered.map((line) => `< ${line}`)].join("\n");
}

class Lane {
  constructor(template, rateNow) {
    this.element = template.content.cloneNode(true).firstElementChild;
    this.rateNow = rateNow;
    this.graph = new SpeedGraph(this.element.querySelector("svg"));
    this.main = this.element.querySelector("[data-action=main]");
    this.over = this.element.querySelector("[data-action=over]");
    this.main.addEventListener("click", () => this[STATES[this.state].action]());
    this.over.addEventListener("click", () => this.start());
  }

  /** Show *sample* ({ name, url, size }); with null there is nothing to download. */
  offer(sample) {
    this.#abandon();
    this.sample = sample;
    this.#find("h3").textContent = sample?.name ?? "";
    const isSmall = sample && sample.size <= MAX_IN_MEMORY_SIZE;
    this.#find(".route").textContent = sample
      ? `${bytesText(sample.size)}: ${isSmall ? "from memory, one copy for all" : "streamed, 32 KiB at a time"}`
      : "";
    this.element.classList.toggle("small", Boolean(isSmall));
    this.#forget();
    this.#enter("idle", "");
    this.#find(".exchange").textContent = "Start, and what was asked and answered appears here.";
  }

  start() {
    this.#abandon();
    this.#forget();
    return this.#run();
  }

  resume() {
    return this.#run();
  }

  cancel() {
    this.abort.abort();
  }

  /** Stop the download in flight, if any, and be deaf to what still comes of it. */
  #abandon() {
    this.abort?.abort();
    this.abort = null;
  }

  async #run() {
    const { sample } = this;
    const abort = new AbortController();
    const isCurrent = () => this.abort === abort;
    this.abort = abort;
    this.requested = performance.now();
    this.firstByte = null;
    this.latest = null;
    this.requestStart = this.offset;
    this.#enter("running", "");
    // The browser keeps the timing of a few hundred requests and no more.
    performance.clearResourceTimings();
    let verdict;
    try {
      await download(sample.url, {
        from: this.offset,
        etag: this.etag,
        signal: abort.signal,
        rateNow: this.rateNow,
        onHead: (head) => isCurrent() && this.#headArrived(head),
        onBytes: (offset, now) => isCurrent() && this.#bytesArrived(offset, now),
      });
      verdict = this.offset < this.total ? this.#cutShort("The answer ended early") : this.#whole();
    } catch (error) {
      verdict = abort.signal.aborted ? this.#cutShort("Cancelled") : this.#broken(error);
    }
    if (!isCurrent()) return;
    this.graph.end(this.latest ?? this.requested);
    this.#enter(...verdict);
    const wait = await firstByteWait(sample.url, this.requested);
    if (!isCurrent() || wait === null || this.firstByte === null) return;
    this.firstByte = wait;
    this.#draw();
  }

  #headArrived({ headers, response, offset, now }) {
    this.firstByte = now - this.requested;
    this.#find(".exchange").textContent = exchangeText(this.sample.url, headers, response);
    if (!response.ok) return;
    this.wasIgnored = this.offset > 0 && offset !== this.offset;
    if (this.wasIgnored) this.graph.clear(this.sample.size);
    this.etag = response.headers.get("ETag");
    this.total = offset + Number(response.headers.get("Content-Length") ?? this.sample.size - offset);
    this.graph.size = this.total;
    this.offset = offset;
    this.requestStart = offset;
    this.graph.begin(offset, now);
    this.#drawSoon();
  }

  #bytesArrived(offset, now) {
    this.offset = offset;
    this.latest = now;
    this.graph.reach(offset, now);
    this.#drawSoon();
  }

  #whole() {
    const rest = this.requestStart > 0 ? "the remaining " : "";
    const told = `Complete: ${rest}${bytesText(this.offset - this.requestStart)} in ${timeText(this.#elapsed())}.`;
    return ["done", this.wasIgnored ? `The server didn’t resume, it began again. ${told}` : told];
  }

  #cutShort(reason) {
    if (this.offset === 0) return ["idle", `${reason} before the first byte.`];
    return ["partial", `${reason}: ${bytesText(this.offset)} of ${bytesText(this.total)} have arrived.`];
  }

  #broken(error) {
    const reason = error instanceof TypeError ? "The connection failed" : `The server answered ${error.message}`;
    return this.offset === 0 ? ["failed", `${reason}.`] : this.#cutShort(reason);
  }

  #elapsed() {
    return (this.latest ?? this.requested) - this.requested;
  }

  #forget() {
    this.offset = 0;
    this.total = this.sample?.size ?? 0;
    this.requestStart = 0;
    this.etag = null;
    this.firstByte = null;
    this.latest = null;
    this.wasIgnored = false;
    this.requested = performance.now();
    this.graph.clear(this.total);
  }

  #enter(state, message) {
    this.state = state;
    const { label, startsOver } = STATES[state];
    this.main.textContent = label;
    this.main.disabled = this.sample === null;
    this.over.hidden = !startsOver;
    this.element.dataset.state = state;
    this.#find(".message").textContent = message;
    this.#draw();
  }

  #drawSoon() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => { this.isDrawing = false; this.#draw(); });
  }

  #draw() {
    const received = this.offset - this.requestStart;
    const elapsed = this.#elapsed();
    const percent = this.total > 0 ? Math.floor((100 * this.offset) / this.total) : 0;
    this.graph.draw();
    this.#figure("first", this.firstByte === null ? "–" : timeText(this.firstByte));
    this.#figure("speed", elapsed > 0 ? speedText((received / elapsed) * 1000) : "–");
    this.#figure("received", this.offset > 0 ? bytesText(this.offset) : "–");
    this.#figure("time", elapsed > 0 ? timeText(elapsed) : "–");
    const bar = this.#find(".graph");
    bar.setAttribute("aria-valuenow", percent);
    bar.setAttribute("aria-label", `Download of ${this.sample?.name ?? "nothing"}`);
    this.#find(".percent").textContent = this.offset > 0 ? `${percent} %` : "";
    this.#find(".peak").textContent = this.graph.peak > 0 ? `top: ${speedText(this.graph.peak)}` : "";
  }

  #figure(name, text) {
    this.#find(`[data-figure=${name}]`).textContent = text;
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }
}

/** Build the lanes in the page and keep them in step with the samples that the server has. */
export async function openLab() {
  const page = (id) => document.getElementById(id);
  const controls = page("controls");
  const rateNow = () => Number(controls.elements.pace.value) * MIB;
  const small = new Lane(page("lane"), rateNow);
  const large = new Lane(page("lane"), rateNow);
  let samples = {};

  const offerLarge = () => large.offer(samples[controls.elements.large.value] ?? null);

  async function look() {
    try {
      samples = await findSamples();
    } catch {
      // The server is gone; the samples may still be there when it is back.
      samples = {};
    }
    const missing = SAMPLES.filter((name) => !(name in samples));
    page("missing").hidden = missing.length === 0;
    page("missing-names").textContent = missing.join(", ");
    for (const radio of controls.elements.large) {
      radio.disabled = !(radio.value in samples);
      if (!radio.disabled) radio.nextElementSibling.textContent = bytesText(samples[radio.value].size);
    }
    const usable = [...controls.elements.large].filter((radio) => !radio.disabled);
    if (!usable.some((radio) => radio.checked) && usable.length > 0) usable.at(-1).checked = true;
    page("lab").hidden = missing.length === SAMPLES.length;
    page("both").disabled = !("small.bin" in samples) || usable.length === 0;
    small.offer(samples["small.bin"] ?? null);
    offerLarge();
  }

  page("lanes").append(small.element, large.element);
  page("look-again").addEventListener("click", look);
  page("sizes").addEventListener("change", offerLarge);
  page("both").addEventListener("click", () => { large.start(); small.start(); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  await look();
}
