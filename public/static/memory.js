// The server's own memory over time, as it reports it, beside what loading whole files would take.

import { AGE_MS } from "./report.js";
import { KIB, bytesText } from "./units.js";

const NS = "http://www.w3.org/2000/svg";
const LEFT = 64;
const BOTTOM = 26;
const TOP = 14;
const SHORTEST_SPAN_S = 5;
const MOST_LINES = 4;
// Pixels of width from which the labels say how they were come by.
const ROOM_FOR_WORDS = 420;
const HEADROOM = 1.16;

function make(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Return the distance of grid lines, a power of two in bytes, that gives *most* at most a few of them. */
function gridStep(most) {
  let step = KIB;
  while (most / step > MOST_LINES) step *= 2;
  return step;
}

function durationText(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export class MemoryPanel {
  constructor(element) {
    this.element = element;
    this.plot = element.querySelector(".plot");
    this.report = null;
    this.forecast(0);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Nothing runs: show that loading whole files would take *bytes* for what is chosen. */
  forecast(bytes) {
    this.since = null;
    this.until = null;
    this.expected = bytes;
    this.measured = [];
    this.computed = [];
    this.draw();
  }

  begin() {
    this.since = performance.now();
    this.until = null;
    this.measured = [];
    this.computed = [{ at: 0, bytes: 0 }];
    this.own = 0;
    this.isAhead = false;
    this.changed = this.since;
    this.draw();
  }

  end() {
    this.until = this.#elapsed;
    this.draw();
  }

  /** This page has downloads of *bytes* in all under way, from now on. */
  loadAll(bytes) {
    // The server may have sent all of a download long before this page has read it: what it said last holds.
    const isLess = bytes < this.own;
    this.own = bytes;
    this.changed = performance.now();
    this.computed.push({ at: this.#elapsed, bytes: isLess ? Math.min(bytes, this.computed.at(-1).bytes) : bytes });
    this.draw();
  }

  /**
   * The server, *asked* at that time, has told *report*, or null: that it tells nothing. It knows
   * everybody's downloads, but not those that began after it was asked.
   */
  told(report, asked) {
    this.report = report;
    if (report && this.since !== null) {
      this.measured.push({ at: this.#elapsed, bytes: report.memory.now });
      this.isAhead = asked - AGE_MS > this.changed && report.downloads === 0 && this.own > 0;
      if (asked - AGE_MS > this.changed) this.computed.push({ at: this.#elapsed, bytes: report.load_all });
    }
    this.draw();
  }

  /** Return the result in words, or null when nothing was measured. */
  get summary() {
    if (this.measured.length === 0) return null;
    return `The server’s memory grew by ${this.#grownText}; loading whole files would have taken ${bytesText(this.#mostComputed)}.`;
  }

  get #elapsed() { return this.until ?? (performance.now() - this.since) / 1000; }
  get #mostComputed() { return Math.max(this.since === null ? this.expected : 0, ...this.computed.map(({ bytes }) => bytes)); }

  get #grownText() {
    const grown = Math.max(...this.measured.map(({ bytes }) => bytes)) - this.measured[0].bytes;
    return bytesText(grown);
  }

  draw() {
    const { report, measured } = this;
    const hasRun = measured.length > 0;
    this.#figure("now", report ? bytesText(report.memory.now) : "–");
    this.#figure("grown", hasRun ? this.#grownText : "–");
    this.#figure("load", bytesText(this.#mostComputed));
    this.#figure("ceiling", report ? bytesText(report.memory.ceiling) : "–");
    this.#figure("server", report ? `evloop ${report.version}, up ${durationText(report.uptime)}` : "");
    this.#figure("traffic", report ? this.#traffic(report) : "");
    // Without a report the page says how to get one, and keeps to what it can compute.
    this.element.classList.toggle("silent", report === null);
    this.#drawPlot();
  }

  #traffic({ connections, downloads, responses, bytes_sent: sent }) {
    const number = (value) => value.toLocaleString("en");
    return `Connections: ${number(connections)}, downloads: ${number(downloads)}, `
      + `responses: ${number(responses)}, sent: ${bytesText(sent)}.`
      + (this.isAhead && this.until === null ? " All is sent: this page still reads what your browser took ahead." : "");
  }

  #drawPlot() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (width === 0) return;
    this.plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const isIdle = this.since === null;
    const base = this.measured[0]?.bytes ?? this.report?.memory.now ?? 0;
    const elapsed = isIdle ? 0 : this.#elapsed;
    const span = Math.max(SHORTEST_SPAN_S, elapsed);
    const most = Math.max(base + this.#mostComputed, ...this.measured.map(({ bytes }) => bytes), KIB) * HEADROOM;
    const x = (at) => LEFT + (at / span) * (width - LEFT - 8);
    const y = (bytes) => height - BOTTOM - (bytes / most) * (height - BOTTOM - TOP);
    const scale = { x, y, base, elapsed, span, width };
    this.plot.replaceChildren(
      ...this.#grid(scale, most),
      ...(isIdle ? this.#expectation(scale) : this.#computedLine(scale)),
      ...this.#measuredLine(scale),
      ...this.#labels(scale),
    );
  }

  #grid({ x, y, span, width }, most) {
    const lines = [];
    const step = gridStep(most);
    for (let bytes = 0; bytes < most; bytes += step) {
      lines.push(make("path", { class: "line", d: `M${LEFT} ${y(bytes)}H${width}` }));
      lines.push(make("text", { x: LEFT - 8, y: y(bytes) + 4, "text-anchor": "end" }, bytesText(bytes)));
    }
    const seconds = 2 ** Math.max(0, Math.ceil(Math.log2(span / 6)));
    for (let at = 0; at <= span; at += seconds) {
      const anchor = at === 0 ? "start" : x(at) > width - 20 ? "end" : "middle";
      lines.push(make("text", { x: x(at), y: y(0) + 19, "text-anchor": anchor }, `${at} s`));
    }
    return lines;
  }

  #expectation({ x, y, base, span }) {
    const top = y(base + this.expected);
    return [
      make("path", { class: "computed-area", fill: "url(#hatch)", d: `M${x(0)} ${y(base)}V${top}H${x(span)}V${y(base)}z` }),
      make("path", { class: "computed-line expected", d: `M${x(0)} ${top}H${x(span)}` }),
    ];
  }

  #computedLine({ x, y, base, elapsed }) {
    const steps = this.computed.map(({ at, bytes }) => `H${x(at)}V${y(base + bytes)}`).join("");
    const line = `M${x(0)} ${y(base)}${steps}H${x(elapsed)}`;
    return [
      make("path", { class: "computed-area", fill: "url(#hatch)", d: `${line}V${y(base)}z` }),
      make("path", { class: "computed-line", d: line }),
    ];
  }

  #measuredLine({ x, y, base, elapsed, span }) {
    if (this.report === null) return [];
    if (this.since === null) return [make("path", { class: "measured-line", d: `M${x(0)} ${y(base)}H${x(span)}` })];
    if (this.measured.length === 0) return [];
    const points = [...this.measured, { ...this.measured.at(-1), at: elapsed }];
    return [
      make("path", { class: "measured-line", d: `M${points.map(({ at, bytes }) => `${x(at)} ${y(bytes)}`).join("L")}` }),
      ...this.measured.map(({ at, bytes }) => make("circle", { class: "measured-dot", cx: x(at), cy: y(bytes), r: 4 })),
    ];
  }

  #labels({ x, y, base, width }) {
    const most = this.#mostComputed;
    const isWide = width > ROOM_FOR_WORDS;
    const labels = [];
    const write = (kind, bytes, text, word) => labels.push(
      make("text", { class: `label ${kind}`, x: x(0) + 8, y: y(bytes) - 9 }, isWide ? `${text}, ${word}` : text),
    );
    if (most > 0) write("computed", base + most, `load all: ${bytesText(most)} more`, "computed");
    if (this.report) write("measured", base, `this server: ${bytesText(this.report.memory.now)}`, "measured");
    return labels;
  }

  #figure(name, text) {
    this.element.querySelector(`[data-figure=${name}]`).textContent = text;
  }
}
