// A box over the page that esc and a click beside it close.
import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export function Dialog({ title, close, wide, children }) {
  const box = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current.focus();
    return () => before?.focus?.();
  }, []);
  return html`<div class="shade" onClick=${(event) => event.target === event.currentTarget && close()}>
    <div class=${`dialog ${wide ? "wide" : ""}`} role="dialog" aria-modal="true" aria-label=${title} ref=${box} tabindex="-1">
      <header><h2>${title}</h2><button class="plain square" onClick=${close} aria-label="Close"><${Icon} name="close" /></button></header>
      <div class="inside">${children}</div>
    </div>
  </div>`;
}
