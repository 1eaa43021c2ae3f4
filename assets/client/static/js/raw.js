// A message as it passed, as text.
import { html } from "./html.js";
import { Code } from "./code.js";

/** Pictures of control characters, so that none of them is invisible. */
const show = (text) => text.replace(/\r\n/g, "\n")
  .replace(/[\x00-\x08\x0b-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0))).replaceAll("\x7f", "␡");

export function Raw({ bytes }) {
  if (!bytes.length) return html`<p class="hint small">Nothing of it was kept.</p>`;
  return html`<${Code} text=${show(new TextDecoder().decode(bytes))} language="http" />`;
}
