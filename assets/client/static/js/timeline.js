// Websocket messages and server-sent events, as they came.
import { useEffect, useMemo, useRef, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { Code } from "./code.js";
import { formatClock, formatSize, hasTime } from "./format.js";
import { Hex } from "./hex.js";
import { Icon } from "./icons.js";
import { useCalm, useLoad } from "./load.js";

const REFRESH = 300; // ms
const PREVIEW = 300; // characters of a message in its row
const SHOWN = 500; // items at once; older ones on demand

export function Timeline({ row, exchange }) {
  const [search, setSearch] = useState("");
  const [dir, setDir] = useState("");
  const [limit, setLimit] = useState(SHOWN);
  const [chosen, setChosen] = useState(null);
  const seq = useCalm(row.seq, REFRESH);
  const known = useRef([]);
  const { value: items = [], error } = useLoad(async (signal) => {
    const next = known.current.length ? known.current.at(-1).no + 1 : 0;
    const items = itemsOf(await api.timeline(row.id, next, signal));
    if (!signal.aborted) known.current = known.current.concat(items);
    return known.current;
  }, [row.id, seq]);
  const wanted = search.toLowerCase();
  const matching = items.filter((item) => (!dir || item.dir === dir) && (!wanted || item.search.includes(wanted)));
  const shown = matching.slice(-limit);
  const list = useFollow(shown.length);
  const open = chosen !== null && items.find((item) => item.no === chosen);

  const what = row.kind === "events" ? "events" : "messages";

  if (error) return html`<p class="problem">${error.message}</p>`;
  return html`<div class="timeline">
    <div class="bar-line"><input type="text" class="small" placeholder=${`Find in ${what}`} aria-label=${`Find in ${what}`} value=${search}
        spellcheck="false" onInput=${(event) => setSearch(event.currentTarget.value)} />
      ${row.kind === "websocket" && html`<span class="choice" role="group" aria-label="Direction">
        ${[["", "Both"], ["in", "From visitor"], ["out", "From service"]].map(([value, label]) =>
          html`<button class="plain" aria-pressed=${dir === value} onClick=${() => setDir(value)}>${label}</button>`)}</span>`}
      <span class="space"></span>
      <span class="muted">${matching.length} of ${items.length}${exchange.dropped > 0 && `, ${exchange.dropped} older ones not kept`}${row.open && " · open"}</span></div>
    <div class="items" ref=${list} role="listbox" aria-label=${what}>
      ${shown.length < matching.length && html`<button class="link" onClick=${() => setLimit(limit + SHOWN)}>Show ${Math.min(SHOWN, matching.length - shown.length)} older ones</button>`}
      ${!items.length && !exchange.items && html`<p class="hint small">${row.open ? "Nothing has come yet." : "Nothing came."}</p>`}
      ${shown.map((item) => html`<${Item} key=${item.no} item=${item} selected=${item.no === chosen}
        choose=${() => setChosen(item.no === chosen ? null : item.no)} />`)}
    </div>
    ${open && html`<${Payload} item=${open} />`}
  </div>`;
}

/** Brings messages and events into one shape. */
function itemsOf({ from, messages = [], events = [] }) {
  const text = new TextDecoder();
  const out = messages.map((m, i) => {
    const bytes = Uint8Array.from(atob(m.payload ?? ""), (c) => c.charCodeAt(0));
    const data = m.opcode === 2 ? "" : m.opcode === 8 ? [m.code, m.reason].filter(Boolean).join(" ") : text.decode(bytes);
    const notes = [m.compressed && "deflate", m.fragments > 1 && `${m.fragments} frames`, m.truncated && "cut", m.note].filter(Boolean);
    return { no: from + i, dir: m.dir, time: m.time, type: m.type, size: m.compressed && !m.truncated ? bytes.length : m.size, sent: m.size, bytes, data, notes, binary: m.opcode === 2 };
  });
  events.forEach((e, i) => {
    const notes = [e.id && `id ${e.id}`, e.retry && `retry ${e.retry} ms`, e.truncated && "cut"].filter(Boolean);
    const data = e.data || (e.comment ? `: ${e.comment}` : "");
    out.push({ no: from + i, dir: "out", time: e.time, type: e.type || "comment", size: new TextEncoder().encode(e.data).length, data, notes });
  });
  for (const item of out) {
    item.preview = item.binary ? Array.from(item.bytes.subarray(0, 32), (b) => b.toString(16).padStart(2, "0")).join(" ")
      : item.data.slice(0, PREVIEW);
    item.search = `${item.type} ${item.binary ? item.preview : item.data}`.toLowerCase();
  }
  return out;
}

/** Keeps the newest item in view unless the user scrolled away from it. */
function useFollow(count) {
  const box = useRef(null);
  const following = useRef(true);
  useEffect(() => {
    const scroller = box.current;
    if (!scroller) return;
    if (following.current) scroller.scrollTop = scroller.scrollHeight;
    scroller.onscroll = () => {
      following.current = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 30;
    };
  }, [count]);
  return box;
}

function Item({ item, selected, choose }) {
  const to = item.dir === "in" ? "from the visitor" : "from the service";
  return html`<div class=${`item ${item.dir} ${selected ? "selected" : ""} ${item.type}`} role="option" aria-selected=${selected} onClick=${choose}>
    <span class="dir" title=${to}><${Icon} name=${item.dir} /></span>
    <span class="time">${hasTime(item.time) ? formatClock(item.time) : ""}</span>
    <span class="type">${item.type}</span>
    <span class="preview">${item.preview}</span>
    ${item.notes.map((note) => html`<span class="mark">${note}</span>`)}
    <span class="size" title=${item.sent < item.size ? `${formatSize(item.sent)} as sent` : undefined}>${formatSize(item.size)}</span>
  </div>`;
}

/** The whole of one message: JSON indented, binary as hex. */
function Payload({ item }) {
  const pretty = useMemo(() => prettyJSON(item.data), [item]);
  return html`<div class="payload inside">${item.binary ? html`<${Hex} bytes=${item.bytes} />`
    : html`<${Code} text=${pretty ?? item.data} language=${pretty && "json"} />`}</div>`;
}

/** Indents a text when it is JSON whose numbers survive that; null otherwise. */
function prettyJSON(text) {
  if (!/^\s*[[{]/.test(text) || /\d{16}/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}
