// Which of the sample files the server has. tools/make_samples.py makes them, so any may be absent.

export const LARGE = ["medium.bin", "large.bin", "test.bin"];
export const SAMPLES = ["small.bin", ...LARGE];

// Always there, and small: what the page measures until small.bin has been made.
const STAND_IN = "style.css";

async function look(name) {
  const url = new URL(name, import.meta.url).href;
  const response = await fetch(url, { method: "HEAD", cache: "no-store" });
  return response.ok ? { name, url, size: Number(response.headers.get("Content-Length")) } : null;
}

/** Ask for the head of each sample; return { name: { name, url, size } } of those that are there. */
export async function findSamples() {
  const looks = await Promise.all(SAMPLES.map(look));
  return Object.fromEntries(looks.filter(Boolean).map((sample) => [sample.name, sample]));
}

/** Return the small file to measure: small.bin of *samples* or the stand-in; null when neither is there. */
export async function smallOf(samples) {
  return samples["small.bin"] ?? look(STAND_IN);
}
