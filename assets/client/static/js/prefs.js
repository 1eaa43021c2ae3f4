// What this browser remembers of how the page was set up.

const PREFIX = "ngrok-inspector:";

/** Reads a remembered value; storage may be forbidden, then nothing is remembered. */
export function recall(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Only comfort is lost.
  }
}

const THEMES = ["auto", "light", "dark"];

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => applyTheme(recall("theme", "auto")));

/** Applies a theme: auto follows the system. */
export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
}

/** Switches to the theme after this one, remembers and returns it. */
export function nextTheme(theme) {
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  remember("theme", next);
  applyTheme(next);
  return next;
}
