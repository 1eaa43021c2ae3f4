// A button that opens a short list of actions.
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";

/** Its children are buttons and links; choosing one closes the menu, as does a click elsewhere. */
export function Menu({ label, title, children }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    const close = (event) => {
      if (event.type === "keydown" ? event.key === "Escape" : !box.current.contains(event.target)) setOpen(false);
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, [open]);
  return html`<div class="menu" ref=${box}>
    <button class="plain" title=${title} aria-expanded=${open} onClick=${() => setOpen(!open)}>${label} <span class="caret">▾</span></button>
    ${open && html`<div class="items" onClick=${() => setOpen(false)}>${children}</div>`}
  </div>`;
}
