// What the server tells about itself while downloads run.

/*
 * GET /.well-known/evloop, on the origin of the page, answers with JSON; sizes in bytes:
 *
 *   {
 *     "version": str,        of evloop, "0.1.0"
 *     "memory": {
 *       "now": int,          the process's memory at this moment
 *       "start": int,        the same when the server began to serve
 *       "ceiling": int       the sum of the server's limits: what "now" may never pass
 *     },
 *     "connections": int,    open at this moment
 *     "downloads": int,      responses that are being streamed from a file at this moment
 *     "load_all": int,       the sizes of those files added up: what loading them whole would take
 *     "bytes_sent": int,     since the start
 *     "responses": int,      since the start
 *     "uptime": seconds      since the start
 *   }
 *
 * It is there when the server runs with --demo on, or serves its default root to this machine alone.
 * Everywhere else the answer is 404, and the page does without.
 */
/** How old the figures may be: the server takes them anew no more often than that. */
export const AGE_MS = 200;
const ADDRESS = new URL("/.well-known/evloop", location.href).href;
const FIELDS = ["connections", "downloads", "load_all", "bytes_sent", "responses", "uptime"];
const MEMORY_FIELDS = ["now", "start", "ceiling"];
const INTERVAL_MS = 500;
const PATIENCE_MS = 5000;

function isReport(value) {
  const hasAll = (part, names) => names.every((name) => Number.isFinite(part?.[name]));
  return typeof value?.version === "string" && hasAll(value, FIELDS) && hasAll(value.memory, MEMORY_FIELDS);
}

/** Return the report, or null when the server offers none (or nothing that looks like one). */
export async function readReport() {
  try {
    const response = await fetch(ADDRESS, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) {
      await response.body?.cancel();
      return null;
    }
    const value = await response.json();
    return isReport(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Read the report at once and then twice a second until *signal* aborts, but only while the page is
 * visible. Each one goes to onReport(report, asked), with the performance.now() of its request; the
 * first null ends it, for a server without a report doesn't get one by being asked again.
 */
export async function follow(signal, onReport) {
  while (!signal.aborted) {
    if (!document.hidden) {
      const asked = performance.now();
      const report = await readReport();
      if (signal.aborted) return;
      onReport(report, asked);
      if (report === null) return;
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, INTERVAL_MS);
      signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
    });
  }
}
