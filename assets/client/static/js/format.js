// Numbers and times as people read them.

const count = new Intl.NumberFormat("en");

/** Formats a count: 12,345. */
export const formatCount = (n) => count.format(n);

/** Three significant digits, no trailing zeros. */
const short = (n) => (n >= 100 ? Math.round(n) : n >= 10 ? Math.round(n * 10) / 10 : Math.round(n * 100) / 100);

/** Formats a duration in nanoseconds: 840 µs, 12.3 ms, 1.25 s, 3 m 20 s. */
export function formatDuration(ns) {
  if (ns < 1e6) return `${short(ns / 1e3)} µs`;
  if (ns < 1e9) return `${short(ns / 1e6)} ms`;
  if (ns < 60e9) return `${short(ns / 1e9)} s`;
  const s = Math.floor(ns / 1e9);
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
}

/** Formats a size in bytes: 0 B, 1.2 kB (1000 each, as in the filter). */
export function formatSize(n) {
  if (n < 1e3) return `${n} B`;
  if (n < 1e6) return `${short(n / 1e3)} kB`;
  if (n < 1e9) return `${short(n / 1e6)} MB`;
  return `${short(n / 1e9)} GB`;
}

/** Formats an amount of memory: 1.2 KiB, 50 MiB. */
export function formatMemory(n) {
  if (n < 2 ** 20) return `${short(n / 2 ** 10)} KiB`;
  return `${short(n / 2 ** 20)} MiB`;
}

/** Formats how long ago a time was, in as few letters as the list has room for. */
export function formatAge(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m`;
  if (s < 86400) return `${Math.floor(s / 3600)}h`;
  return `${Math.floor(s / 86400)}d`;
}

/** Formats a time of day with milliseconds: 14:03:09.120. */
export function formatClock(time) {
  const d = new Date(time);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

/** Whether the server sent a time; Go writes its zero time as year 1. */
export const hasTime = (time) => Boolean(time) && !time.startsWith("0001-");

/** The class of a status, for its colour: s2 … s5, open or failed. */
export function statusClass(row) {
  if (row.error) return "failed";
  if (row.status) return `s${Math.floor(row.status / 100)}`;
  return row.open ? "open" : "failed";
}
