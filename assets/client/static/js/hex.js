// Bytes as offset, hexadecimal and ASCII.
import { html } from "./html.js";
import { Lines } from "./lines.js";

const two = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Draws 16 bytes a row, 8 where there is little room. */
export function Hex({ bytes }) {
  if (!bytes.length) return html`<p class="hint small">Nothing of it was kept.</p>`;
  const wide = matchMedia("(min-width: 600px)").matches ? 16 : 8;
  const draw = (i) => {
    const row = bytes.subarray(i * wide, (i + 1) * wide);
    const hex = Array.from(row, (b, at) => two[b] + (at === wide / 2 - 1 ? " " : "")).join(" ");
    const text = Array.from(row, (b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    return html`<span class="no">${(i * wide).toString(16).padStart(6, "0")}</span><span class="hex">${hex.padEnd(wide * 3 + 1)}</span><span class="ascii">${text}</span>`;
  };
  return html`<${Lines} key=${wide} count=${Math.ceil(bytes.length / wide)} draw=${draw} className="code hexdump" label="Hexadecimal" />`;
}
