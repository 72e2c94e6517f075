// Bytes and times as people read them.

export const KIB = 1024;
export const MIB = 1024 * KIB;

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function rounded(value) {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** Return *bytes* in the largest binary unit of which there is at least one: "4.9 GiB". */
export function bytesText(bytes) {
  let value = bytes;
  let unit = 0;
  // 1023.96 would be written as 1,024: that is one of the next unit.
  while (Math.round(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${rounded(value)} ${BYTE_UNITS[unit]}`;
}

/** Return *bytesPerSecond* as a speed: "412 MiB/s". */
export function speedText(bytesPerSecond) {
  return `${bytesText(bytesPerSecond)}/s`;
}

/** Return *milliseconds* as "2.1 ms", "312 ms" or "3.4 s". */
export function timeText(milliseconds) {
  return milliseconds < 1000 ? `${rounded(milliseconds)} ms` : `${rounded(milliseconds / 1000)} s`;
}
