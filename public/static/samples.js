// Which of the sample files the server has. They are made by tools/make_samples.py, so any may be absent.

export const SAMPLES = ["small.bin", "medium.bin", "large.bin", "test.bin"];

/** Ask for the head of each sample; return { name: { name, url, size } } of those that are there. */
export async function findSamples() {
  const found = {};
  await Promise.all(SAMPLES.map(async (name) => {
    const url = new URL(name, import.meta.url).href;
    const response = await fetch(url, { method: "HEAD", cache: "no-store" });
    if (response.ok) found[name] = { name, url, size: Number(response.headers.get("Content-Length")) };
  }));
  return found;
}
