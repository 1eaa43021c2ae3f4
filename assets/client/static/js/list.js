// The list of exchanges: only the rows in view are in the document, so that ten
// thousand scroll as ten do.
import { Component } from "../vendor/preact.js";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";
import { formatAge, formatClock, formatDuration, formatSize, statusClass } from "./format.js";

const ROW = 24; // px, as in list.css
const SPARE = 12; // rows drawn beyond each edge

export function List({ model, selected, select, replay }) {
  const scroller = useRef(null);
  const [scrollTop, setScrollTop] = useState(0);
  const [height, setHeight] = useState(800);
  const rows = model.visible();
  useClock();
  useAnchor(scroller, rows, setScrollTop);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setHeight(entry.contentRect.height));
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const at = rows.findIndex((row) => row.id === selected);
    if (at >= 0) scrollIntoView(scroller.current, at);
  }, [selected]);

  const first = Math.max(0, Math.floor(scrollTop / ROW) - SPARE);
  const last = Math.min(rows.length, Math.ceil((scrollTop + height) / ROW) + SPARE);
  const now = model.now();
  const wide = model.state && model.state.tunnels.some((t) => t.name !== model.state.tunnels[0].name && !t.name.endsWith(" (http)"));
  return html`<section class="list" aria-label="Requests">
    <div class="row head" aria-hidden="true">
      <span class="status">Status</span><span class="method">Method</span><span class="path">Path</span>
      <span class="dur">Time</span><span class="size">Size</span><span class="age">Age</span>
    </div>
    <div class="scroller" ref=${scroller} tabindex="0" role="listbox" aria-label="Requests"
        aria-activedescendant=${selected ? `row-${selected}` : undefined}
        onScroll=${(event) => setScrollTop(event.currentTarget.scrollTop)}>
      <div class="rows" style=${{ height: `${rows.length * ROW}px` }}>
        ${rows.slice(first, last).map((row, i) => html`<${Row} key=${row.id} row=${row} top=${(first + i) * ROW}
          age=${formatAge(now - Date.parse(row.start))} live=${row.open ? now : 0} selected=${row.id === selected}
          select=${select} replay=${replay} tunnel=${wide} />`)}
      </div>
      ${!rows.length && html`<p class="hint">${model.loaded ? "No request matches the filter." : "Loading …"}</p>`}
    </div>
    ${scrollTop > ROW && html`<button class="to-top" onClick=${() => scroller.current.scrollTo({ top: 0 })}>↑ newest</button>`}
  </section>`;
}

/** Draws the list anew each second, for the ages. */
function useClock() {
  const [, tick] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || tick(), 1000);
    return () => clearInterval(timer);
  }, []);
}

/** Keeps what is in view where it is while new rows come in above it. */
function useAnchor(scroller, rows, setScrollTop) {
  const anchor = useRef(null);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (anchor.current && box.scrollTop > 0) {
      const at = rows.findIndex((row) => row.id === anchor.current.id);
      if (at >= 0) box.scrollTop = at * ROW + anchor.current.offset;
    }
    setScrollTop(box.scrollTop);
    remember();
  }, [rows]);
  useEffect(() => {
    const box = scroller.current;
    box.addEventListener("scroll", remember, { passive: true });
    return () => box.removeEventListener("scroll", remember);
  }, [rows]);
  function remember() {
    const { scrollTop } = scroller.current;
    const row = rows[Math.floor(scrollTop / ROW)];
    anchor.current = row ? { id: row.id, offset: scrollTop % ROW } : null;
  }
}

function scrollIntoView(box, at) {
  const top = at * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
}

/** The marks that a row carries behind its path. */
const marks = (row) => [
  row.kind === "websocket" && "ws",
  row.kind === "events" && "sse",
  row.kind === "upgrade" && "upgrade",
  row.kind === "raw" && "not http",
  row.imported && "imported",
].filter(Boolean);

/** One row; drawn anew only when something in it changed. */
class Row extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((name) => next[name] !== this.props[name]);
  }

  render({ row, top, age, live, selected, select, replay, tunnel }) {
    const duration = live ? live - Date.parse(row.start) : row.duration / 1e6;
    return html`<div class=${`row ${statusClass(row)} ${selected ? "selected" : ""}`} id=${`row-${row.id}`} role="option"
        aria-selected=${selected} style=${{ transform: `translateY(${top}px)` }} onClick=${() => select(row.id)}
        title=${row.error || undefined}>
      <span class="status">${row.status || (row.open ? "···" : "failed")}</span>
      <span class="method">${row.method}</span>
      <span class="path">${row.replay_of && html`<span class="again" title="A replay"><${Icon} name="replay" /></span>`}
        ${row.pinned && html`<span class="pinned" title="Pinned"><${Icon} name="pin" /></span>`}
        <span class="target" title=${`${row.host}${row.target}`}>${row.target || row.method}</span>
        ${marks(row).map((mark) => html`<span class="mark">${mark}</span>`)}
        ${tunnel && html`<span class="mark tunnel">${row.tunnel}</span>`}</span>
      <span class="dur">${row.open ? html`<i>${formatDuration(Math.max(duration, 0) * 1e6)}</i>` : formatDuration(row.duration)}</span>
      <span class="size">${formatSize(row.response_size)}</span>
      <span class="age" title=${formatClock(row.start)}>${age}</span>
      <button class="row-replay" title="Replay" aria-label="Replay" tabindex="-1"
        onClick=${(event) => { event.stopPropagation(); replay(row.id); }}><${Icon} name="replay" /></button>
    </div>`;
  }
}
