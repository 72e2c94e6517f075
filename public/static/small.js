// The small file: asked for again and again, one request at a time, and judged by the wait.

import { download, firstByteWait } from "./download.js";
import { bytesText, timeText } from "./units.js";

const REQUESTS = 20;
const NS = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 64;

const sorted = (values) => [...values].sort((a, b) => a - b);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];

export class SmallLane {
  constructor(element) {
    this.element = element;
    this.graph = element.querySelector(".graph");
    this.graph.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.graph.setAttribute("preserveAspectRatio", "none");
    this.waits = [];
    this.wholes = [];
  }

  /** Show *sample* ({ name, url, size }); null when there is nothing to ask for. */
  offer(sample) {
    this.sample = sample;
    this.#clear();
    this.#figure("route", sample ? `${bytesText(sample.size)}, from memory` : "not on this server");
    this.#draw();
  }

  /** Make all requests; *onHead* is told of each. Rejects as download() does. */
  async run(signal, onHead) {
    this.#clear();
    while (this.waits.length < REQUESTS) {
      await this.#ask(signal, onHead);
      this.#draw();
    }
  }

  /** Return the result in words, or null before there is one. */
  get summary() {
    if (this.waits.length === 0) return null;
    return `${this.sample.name}: first byte after ${timeText(median(this.waits))}, median of ${this.waits.length}.`;
  }

  async #ask(signal, onHead) {
    const { url } = this.sample;
    // The browser keeps the timing of a few hundred requests and no more.
    performance.clearResourceTimings();
    const since = performance.now();
    let seen = 0;
    let end = since;
    await download(url, {
      from: 0,
      signal,
      rateNow: () => Infinity,
      onHead: (head) => { seen = head.now - since; onHead(url, head); },
      onBytes: (_, now) => { end = now; },
    });
    this.waits.push(await firstByteWait(url, since) ?? seen);
    this.wholes.push(end - since);
  }

  #clear() {
    this.waits = [];
    this.wholes = [];
  }

  #draw() {
    const { waits } = this;
    const none = waits.length === 0;
    this.#figure("count", waits.length || REQUESTS);
    this.#figure("median", none ? "–" : timeText(median(waits)));
    this.#figure("fastest", none ? "–" : timeText(Math.min(...waits)));
    this.#figure("slowest", none ? "–" : timeText(Math.max(...waits)));
    this.#figure("whole", none ? "–" : timeText(median(this.wholes)));
    const most = Math.max(...waits);
    const step = WIDTH / REQUESTS;
    this.graph.replaceChildren(...waits.map((wait, index) => {
      const height = Math.max(2, (wait / most) * (HEIGHT - 4));
      const bar = document.createElementNS(NS, "rect");
      const place = { x: index * step + 2, y: HEIGHT - height, width: step - 4, height };
      for (const [name, value] of Object.entries(place)) bar.setAttribute(name, value.toFixed(1));
      return bar;
    }));
  }

  #figure(name, text) {
    this.element.querySelector(`[data-figure=${name}]`).textContent = text;
  }
}
