// A long column of rows of one height, of which only those in view are drawn.
import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";

const ROW = 18; // px, as in content.css
const SPARE = 20;

/** draw returns row i; at is the row to scroll to first, -1 for none. */
export function Lines({ count, draw, at = -1, className, label }) {
  const box = useRef(null);
  const [range, setRange] = useState([0, 60]);
  useEffect(() => {
    const scroller = box.current.closest(".inside");
    const look = () => {
      if (!box.current) return;
      const above = scroller.getBoundingClientRect().top - box.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(above / ROW) - SPARE);
      const last = Math.ceil((above + scroller.clientHeight) / ROW) + SPARE;
      setRange((range) => (range[0] === first && range[1] === last ? range : [first, last]));
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(scroller);
    scroller.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      scroller.removeEventListener("scroll", look);
    };
  }, [count]);
  useLayoutEffect(() => {
    if (at >= 0) box.current.closest(".inside").scrollTop = Math.max(0, (at - 4) * ROW);
  }, [at]);
  const rows = [];
  for (let i = range[0]; i < Math.min(range[1], count); i++) {
    rows.push(html`<div class=${`line ${i === at ? "wrong" : ""}`} key=${i} style=${{ transform: `translateY(${i * ROW}px)` }}>${draw(i)}</div>`);
  }
  return html`<div class=${`${className} virtual`} ref=${box} aria-label=${label} style=${{ height: `${count * ROW}px` }}>${rows}</div>`;
}
