// The bar between the list and the exchange.
import { useEffect, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { recall, remember } from "./prefs.js";

const LEAST = 22; // percent of the width on either side
const STEP = 2;

/** Lets the user move the border, by pointer or by arrow keys. */
export function Splitter({ within }) {
  const [share, setShare] = useState(() => recall("split", 44));
  useEffect(() => {
    within.current.style.setProperty("--list-share", `${share}%`);
    remember("split", share);
  }, [share]);

  const move = (event) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const box = within.current.getBoundingClientRect();
    setShare(clamp(((event.clientX - box.left) / box.width) * 100));
  };
  const key = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    setShare(clamp(share + (event.key === "ArrowLeft" ? -STEP : STEP)));
  };
  return html`<div class="splitter" role="separator" aria-orientation="vertical" aria-label="Width of the list"
    aria-valuenow=${Math.round(share)} tabindex="0" onKeyDown=${key} onPointerMove=${move}
    onPointerDown=${(event) => event.currentTarget.setPointerCapture(event.pointerId)}></div>`;
}

const clamp = (share) => Math.min(Math.max(share, LEAST), 100 - LEAST);
