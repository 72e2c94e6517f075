// The live downloads: the small file, then the large ones, with the server's memory beside them.

import { LargeLane } from "./large.js";
import { MemoryPanel } from "./memory.js";
import { follow, readReport } from "./report.js";
import { LARGE, SAMPLES, findSamples, smallOf } from "./samples.js";
import { SmallLane } from "./small.js";
import { MIB, bytesText } from "./units.js";

const REDRAW_MS = 100;
// Of test.bin: what the picture is about where no large file is there yet.
const USUAL_SIZE = 100 * MIB;

const SHOWN_HEADERS = ["Content-Range", "Content-Length", "Content-Type", "Accept-Ranges", "ETag",
  "Last-Modified", "Cache-Control", "Server"];

// What the buttons do in each state: label of the main one, and whether "Resume" is offered.
const STATES = {
  idle: { label: "Start the downloads", resumes: false },
  running: { label: "Stop", resumes: false },
  partial: { label: "Start over", resumes: true },
  done: { label: "Run it again", resumes: false },
};

function exchangeText(url, { headers, response }) {
  const asked = [`GET ${new URL(url).pathname}`];
  for (const [name, value] of Object.entries(headers)) asked.push(`${name}: ${value}`);
  const answered = [`${response.status} ${response.statusText}`.trim()];
  for (const name of SHOWN_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) answered.push(`${name}: ${value}`);
  }
  return [...asked.map((line) => `> ${line}`), ...answered.map((line) => `< ${line}`)].join("\n");
}

const page = (id) => document.getElementById(id);

class Lab {
  constructor() {
    this.controls = page("controls");
    this.small = new SmallLane(page("small"));
    this.large = new LargeLane(page("large"), () => Number(this.controls.elements.pace.value) * MIB);
    this.memory = new MemoryPanel(page("memory"));
    this.samples = {};
    this.controls.addEventListener("submit", (event) => { event.preventDefault(); this.#press(); });
    this.controls.addEventListener("change", ({ target }) => {
      if (target.name === "pace") this.large.repace();
      else this.#offer();
    });
    page("resume").addEventListener("click", () => this.#run({ resumes: true }));
    page("look-again").addEventListener("click", () => this.look());
  }

  /** See which samples the server has, and whether it reports its memory. */
  async look() {
    try {
      this.samples = await findSamples();
      this.small.offer(await smallOf(this.samples));
    } catch {
      // The server is gone; the samples may still be there when it is back.
      this.samples = {};
      this.small.offer(null);
    }
    this.#showMissing();
    this.#offer();
    this.memory.told(await readReport(), 0);
  }

  #showMissing() {
    const { samples } = this;
    const missing = SAMPLES.filter((name) => !(name in samples));
    const hasLarge = LARGE.some((name) => name in samples);
    page("missing").hidden = missing.length === 0;
    page("missing-names").textContent = missing.join(", ");
    page("present").hidden = !hasLarge;
    const radios = [...this.controls.elements.large];
    for (const radio of radios) {
      radio.disabled = !(radio.value in samples);
      if (!radio.disabled) radio.nextElementSibling.textContent = bytesText(samples[radio.value].size);
    }
    const usable = radios.filter((radio) => !radio.disabled);
    if (!usable.some((radio) => radio.checked) && usable.length > 0) usable.at(-1).checked = true;
    for (const choice of this.controls.querySelectorAll("fieldset")) choice.hidden = !hasLarge;
  }

  /** Forget what was measured, and show what would be downloaded now. */
  #offer() {
    const { large, count } = this.controls.elements;
    this.large.offer(this.samples[large.value] ?? null, Number(count.value));
    this.memory.forecast(this.large.total || Number(count.value) * USUAL_SIZE);
    this.#enter("idle", "");
  }

  #press() {
    if (this.state === "running") this.abort.abort();
    else this.#run({ resumes: false });
  }

  async #run({ resumes }) {
    const { small, large, memory } = this;
    this.abort = new AbortController();
    const { signal } = this.abort;
    const watch = new AbortController();
    const onHead = (url, head) => { page("exchange").textContent = exchangeText(url, head); };
    if (!resumes) large.offer(large.sample, large.count);
    this.#enter("running", "Running…");
    if (large.sample) memory.begin();
    const redraw = setInterval(() => document.hidden || memory.draw(), REDRAW_MS);
    const watching = follow(watch.signal, (...told) => memory.told(...told));
    let reason = null;
    try {
      if (!resumes && small.sample) await small.run(signal, onHead);
      if (large.sample) reason = await large.run(signal, onHead, (bytes) => memory.loadAll(bytes));
    } catch (error) {
      reason = signal.aborted ? "Stopped" : `No answer: ${error.message}`;
    }
    watch.abort();
    await watching;
    if (memory.report && !document.hidden) memory.told(await readReport(), performance.now());
    clearInterval(redraw);
    if (large.sample) memory.end();
    const told = [reason && `${reason}.`, small.summary, large.summary, memory.summary];
    this.#enter(large.isPartial ? "partial" : "done", told.filter(Boolean).join(" "));
  }

  #enter(state, message) {
    this.state = state;
    const { label, resumes } = STATES[state];
    page("run").textContent = label;
    page("run").disabled = !this.small.sample && !this.large.sample;
    page("resume").hidden = !resumes;
    page("result").textContent = message;
    page("lab").dataset.state = state;
    for (const radio of this.controls.querySelectorAll("[name=large], [name=count]")) {
      radio.closest("fieldset").disabled = state === "running";
    }
  }
}

export async function openLab() {
  const lab = new Lab();
  page("lab").hidden = false;
  await lab.look();
}
