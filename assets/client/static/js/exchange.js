// The selected exchange: what can be done with it, and its views.
import { useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { Actions } from "./actions.js";
import { api } from "./api.js";
import { Diff } from "./diff.js";
import { Editor } from "./editor.js";
import { formatClock, formatDuration, formatSize, statusClass } from "./format.js";
import { Icon } from "./icons.js";
import { useCalm, useLoad } from "./load.js";
import { Message } from "./message.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { Timing } from "./timing.js";

const REFRESH = 250; // ms between two loads of an exchange that is under way

export function Exchange({ row, model, view, setView, select, replay, close }) {
  const [revealed, setRevealed] = useState(false);
  const seq = useCalm(row.seq, REFRESH);
  const { value: exchange, error } = useLoad((signal) => api.exchange(row.id, revealed, signal), [row.id, seq, revealed]);
  const tabs = tabsOf(row, exchange);
  // A websocket is looked at for its messages, an event stream for its events.
  const chosen = view.name === "exchange" && !view.chosen && row.kind in FIRST ? FIRST[row.kind] : view.name;
  const tab = tabs.some((t) => t.id === chosen) || chosen === "edit" ? chosen : "exchange";
  const props = { row, exchange, revealed, model, select };

  return html`
    <${Title} row=${row} close=${close} />
    <${Actions} row=${row} exchange=${exchange} model=${model} replay=${replay} setView=${setView} editing=${tab === "edit"}
      revealed=${revealed} setRevealed=${setRevealed} />
    ${error && html`<p class="problem">${error.message}</p>`}
    ${exchange && tab === "edit" && html`<${Editor} ...${props} replay=${replay} cancel=${() => setView({ name: "exchange" })} />`}
    ${exchange && tab !== "edit" && html`
      <${Facts} row=${row} exchange=${exchange} model=${model} select=${select} />
      ${tabs.length > 1 && html`<${Tabs} label="Views" tabs=${tabs} selected=${tab} select=${(name) => setView({ name, chosen: true })} />`}
      <${View} tab=${tab} props=${props} />`}`;
}

const FIRST = { websocket: "timeline", events: "timeline" };

function tabsOf(row, exchange) {
  const items = exchange ? exchange.items + exchange.dropped : 0;
  return [
    { id: "exchange", label: "Exchange" },
    row.kind === "websocket" && { id: "timeline", label: `Messages ${items || ""}` },
    row.kind === "events" && { id: "timeline", label: `Events ${items || ""}` },
    row.replay_of && { id: "diff", label: "Difference" },
    { id: "timing", label: "Timing" },
  ].filter(Boolean);
}

function View({ tab, props }) {
  switch (tab) {
    case "timeline":
      return html`<${Timeline} ...${props} />`;
    case "diff":
      return html`<${Diff} ...${props} />`;
    case "timing":
      return html`<${Timing} ...${props} />`;
    default:
      return html`<div class="messages">
        <${Message} ...${props} side="request" /><${Message} ...${props} side="response" /></div>`;
  }
}

function Title({ row, close }) {
  return html`<header class="title">
    <button class="plain square back" onClick=${close} aria-label="Back to the list" title="Back (esc)"><${Icon} name="back" /></button>
    <span class="method">${row.method}</span>
    <h1 title=${row.target}>${row.target || row.kind}</h1>
    <span class=${`result ${statusClass(row)}`}>${row.status ? `${row.status} ${row.reason}` : row.open ? "waiting …" : "failed"}</span>
    <button class="plain square forward" onClick=${close} aria-label="Close" title="Close (esc)"><${Icon} name="close" /></button>
  </header>`;
}

/** Who, when, where, in one line, and what went wrong. */
function Facts({ row, exchange, model, select }) {
  const origin = row.replay_of && model.rows.get(row.replay_of);
  const facts = [
    html`<span title=${new Date(row.start).toLocaleString()}>${formatClock(row.start)}</span>`,
    html`<span title="Duration">${row.open ? "open" : formatDuration(row.duration)}</span>`,
    html`<span title="Body of the request and of the response">↑ ${formatSize(row.request_size)} ↓ ${formatSize(row.response_size)}</span>`,
    row.visitor_addr && html`<span title=${`Visitor ${row.visitor_addr}`}>from ${row.visitor_addr.replace(/:\d+$/, "")}</span>`,
    row.host && html`<span title=${`Host, through tunnel ${row.tunnel}`}>${row.scheme}://${row.host}${row.local_addr && ` → ${row.local_addr}`}</span>`,
    row.replay_of && (origin
      ? html`<button class="link" onClick=${() => select(origin.id)}>replay of ${origin.method} at ${formatClock(origin.start)}</button>`
      : html`<span>a replay; its original is no longer kept</span>`),
  ];
  return html`<div class="facts-line">${facts.filter(Boolean)}</div>
    ${row.error && html`<p class="problem">${row.error}</p>`}
    ${exchange.notes?.map((note) => html`<p class="note">${note}</p>`)}`;
}
