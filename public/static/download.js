// One measured download. The bytes are counted and dropped, so it takes no memory to speak of.

const PIECE = 64 * 1024;
const TIMING_PATIENCE_MS = 300;
// Less than half a frame at 60 Hz.
const LONGEST_TURN_MS = 8;

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** Let everything else that waits in this page have its turn. */
function yieldToOthers() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(null);
  });
}

/** Keeps a reader down to a number of bytes per second, which may change on the way. */
class Pacer {
  constructor(rateNow) {
    this.rateNow = rateNow;
    this.rate = null;
  }

  async take(bytes, signal) {
    const now = performance.now();
    if (this.rateNow() !== this.rate) {
      this.rate = this.rateNow();
      this.since = now;
      this.taken = 0;
    }
    this.taken += bytes;
    const due = this.since + (this.taken / this.rate) * 1000;
    if (due > now) await pause(due - now, signal);
  }
}

function requestHeaders(from, etag) {
  if (from === 0) return {};
  // If-Range: when the file has changed meanwhile, the server sends all of it instead of the
  // rest of something else. A weak tag would never match (RFC 9110 section 13.1.5).
  const ifRange = etag && !etag.startsWith("W/") ? { "If-Range": etag } : {};
  return { Range: `bytes=${from}-`, ...ifRange };
}

function startOf(response) {
  if (response.status !== 206) return 0;
  const match = /^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "");
  return match ? Number(match[1]) : 0;
}

/**
 * Yield the lengths of the pieces in which *body* arrives.
 *
 * They go into one buffer, again and again. Left to itself the browser hands out pieces of up
 * to 2 MiB (seen in Chromium), too coarse to read slowly; where it can't fill a given buffer,
 * those will have to do.
 */
async function* pieces(body) {
  let buffer = new ArrayBuffer(PIECE);
  let reader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    reader = body.getReader();
    buffer = null;
  }
  for (;;) {
    const { done, value } = await (buffer ? reader.read(new Uint8Array(buffer)) : reader.read());
    if (done) return;
    yield value.length;
    if (buffer) ({ buffer } = value);
  }
}

/**
 * Download *url* from byte *from* on; resolves when the body has arrived whole.
 *
 * rateNow() gives the bytes per second to read (Infinity: all that comes). Reports
 * onHead({ headers, response, offset, now }) once, with the offset at which the body really
 * starts, then onBytes(offset, now) for every piece; times are performance.now().
 *
 * Rejects with an AbortError when *signal* aborts, with a TypeError when the connection
 * breaks, and with an Error that holds the status when the answer is none of 200 and 206.
 */
export async function download(url, { from, etag, signal, rateNow, onHead, onBytes }) {
  const headers = requestHeaders(from, etag);
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  let offset = startOf(response);
  onHead({ headers, response, offset, now: performance.now() });
  if (response.status !== 200 && response.status !== 206) {
    await response.body?.cancel();
    throw new Error(`${response.status} ${response.statusText}`.trim());
  }
  const pacer = new Pacer(rateNow);
  let turnBegan = performance.now();
  for await (const length of pieces(response.body)) {
    const now = performance.now();
    offset += length;
    onBytes(offset, now);
    await pacer.take(length, signal);
    // Bytes that are already here are read without a pause, and a second download on the page
    // would not get to see its own for as long as they last.
    if (now - turnBegan > LONGEST_TURN_MS) {
      await yieldToOthers();
      turnBegan = performance.now();
    }
  }
}

/**
 * Return how long the server took to answer the request for *url* made at *since*: milliseconds
 * from sending it to the first byte of the answer, from the browser's network layer, or null
 * when that doesn't say. A script learns of the answer later, by up to 10 ms (seen in Chromium).
 */
export function firstByteWait(url, since) {
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const entry = list.getEntriesByName(url).findLast(({ startTime }) => startTime >= since - 1);
      if (entry) settle(entry.responseStart > 0 ? entry.responseStart - entry.requestStart : null);
    });
    const settle = (wait) => { observer.disconnect(); resolve(wait); };
    observer.observe({ type: "resource", buffered: true });
    setTimeout(settle, TIMING_PATIENCE_MS, null);
  });
}
