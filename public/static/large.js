// The large file: several downloads of it at once, judged by their rate.

import { download, firstByteWait } from "./download.js";
import { SpeedGraph } from "./graph.js";
import { bytesText, speedText, timeText } from "./units.js";

/** One of the downloads: how far it has come, and what it takes to resume it. */
class Transfer {
  constructor(size) {
    this.offset = 0;
    this.total = size;
    this.etag = null;
  }

  get isWhole() {
    return this.total > 0 && this.offset >= this.total;
  }

  /** Download what is missing; resolves to null, or to the Error that ended it. */
  async run(url, { signal, rateNow, onHead, onBytes, onRestart }) {
    const asked = this.offset;
    try {
      await download(url, {
        from: this.offset,
        etag: this.etag,
        signal,
        rateNow,
        onHead: (head) => {
          this.etag = head.response.headers.get("ETag");
          this.total = head.offset + Number(head.response.headers.get("Content-Length") ?? this.total - head.offset);
          this.offset = head.offset;
          if (head.offset < asked) onRestart();
          onHead(url, head);
        },
        onBytes: (offset, now) => { this.offset = offset; onBytes(now); },
      });
      return this.isWhole ? null : new Error("an answer that ended early");
    } catch (error) {
      return error;
    }
  }
}

export class LargeLane {
  constructor(element, rateNow) {
    this.element = element;
    this.rateNow = rateNow;
    this.bar = element.querySelector(".graph");
    this.graph = new SpeedGraph(this.bar.querySelector("svg"));
    this.transfers = [];
  }

  /** Show *count* downloads of *sample* ({ name, url, size }); null when there is none. */
  offer(sample, count) {
    this.sample = sample;
    this.count = count;
    this.transfers = sample ? Array.from({ length: count }, () => new Transfer(sample.size)) : [];
    this.#forget();
    this.graph.clear(this.total);
    this.#figure("route", sample ? `${count} × ${bytesText(sample.size)}, streamed` : "");
    this.#draw();
  }

  /** Show the pace that holds now. */
  repace() {
    this.#draw();
  }

  get total() { return this.transfers.reduce((sum, { total }) => sum + total, 0); }
  get offset() { return this.transfers.reduce((sum, { offset }) => sum + offset, 0); }
  get isPartial() { return this.offset > 0 && this.offset < this.total; }

  /**
   * Download what is missing of all; resolves to what ended it early, in words, or to null.
   * *onHead* is told of each answer, onFlight(bytes) of the sizes of the downloads under way added up,
   * whenever that changes.
   */
  async run(signal, onHead, onFlight) {
    this.#forget();
    this.begun = this.offset;
    performance.clearResourceTimings();
    this.requested = performance.now();
    this.latest = this.requested;
    this.graph.size = this.total;
    this.graph.begin(this.begun, this.requested);
    const { url } = this.sample;
    const missing = this.transfers.filter(({ isWhole }) => !isWhole);
    const underWay = new Set(missing);
    const tell = () => onFlight([...underWay].reduce((sum, { total }) => sum + total, 0));
    tell();
    const running = missing.map((transfer) => transfer.run(url, {
      signal,
      rateNow: this.rateNow,
      onHead: (...told) => { this.#headArrived(); onHead(...told); },
      onBytes: (now) => this.#bytesArrived(now),
      onRestart: () => this.#startOver(),
    }).finally(() => { underWay.delete(transfer); tell(); }));
    const ends = await Promise.all(running);
    this.graph.end(this.latest);
    const wait = await firstByteWait(url, this.requested);
    if (wait !== null && this.first !== null) this.first = wait;
    this.#draw();
    return this.#reason(signal, ends.filter((error) => error !== null));
  }

  /** Return the result in words, or null before there is one. */
  get summary() {
    if (this.offset === 0) return null;
    const what = `${bytesText(this.offset - this.begun)} in ${timeText(this.#elapsed)}`;
    return `${this.count} × ${this.sample.name}: ${speedText(this.#rate)}, ${what}.`;
  }

  get #elapsed() { return this.latest - this.requested; }
  get #rate() { return ((this.offset - this.begun) / this.#elapsed) * 1000; }

  #reason(signal, errors) {
    if (errors.length === 0) return null;
    if (signal.aborted) return "Stopped";
    // A TypeError is what fetch() makes of a connection that fails; its words differ by browser.
    const [error] = errors;
    const what = error instanceof TypeError ? "the connection failed" : error.message;
    return `${errors.length} of ${this.count} downloads ended early: ${what}`;
  }

  #forget() {
    this.begun = 0;
    this.first = null;
    this.requested = 0;
    this.latest = 0;
  }

  /** A server that ignores the Range sends all of it: then the graph begins again as well. */
  #startOver() {
    this.begun = this.offset;
    this.requested = performance.now();
    this.latest = this.requested;
    this.graph.clear(this.total);
    this.graph.begin(this.offset, this.requested);
  }

  #headArrived() {
    this.first ??= performance.now() - this.requested;
    this.graph.size = this.total;
    this.#drawSoon();
  }

  #bytesArrived(now) {
    this.latest = now;
    this.graph.reach(this.offset, now);
    this.#drawSoon();
  }

  #drawSoon() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => { this.isDrawing = false; this.#draw(); });
  }

  #draw() {
    const { offset, total } = this;
    const hasTime = this.latest > this.requested;
    const percent = total > 0 ? Math.floor((100 * offset) / total) : 0;
    this.graph.draw();
    this.bar.setAttribute("aria-valuenow", percent);
    const pace = this.rateNow();
    this.#figure("asked", pace < Infinity ? `of ${speedText(pace * this.count)} asked for` : "on average, all together");
    this.#figure("rate", hasTime ? speedText(this.#rate) : "–");
    this.#figure("received", offset > 0 ? bytesText(offset) : "–");
    this.#figure("time", hasTime ? timeText(this.#elapsed) : "–");
    this.#figure("first", this.first === null ? "–" : timeText(this.first));
    this.#figure("peak", this.graph.peak > 0 ? `top ${speedText(this.graph.peak)}` : "");
  }

  #figure(name, text) {
    this.element.querySelector(`[data-figure=${name}]`).textContent = text;
  }
}
