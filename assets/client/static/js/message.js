// One side of an exchange: its summary, headers, raw bytes and hex.
import { useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { Content } from "./content.js";
import { formatSize } from "./format.js";
import { Hex } from "./hex.js";
import { useLoad } from "./load.js";
import { Raw } from "./raw.js";
import { Fields } from "./fields.js";
import { Tabs } from "./tabs.js";

const TABS = [
  { id: "summary", label: "Summary" },
  { id: "headers", label: "Headers" },
  { id: "raw", label: "Raw" },
  { id: "hex", label: "Hex" },
];

export function Message({ row, exchange, side, revealed }) {
  const [tab, setTab] = useState("summary");
  const message = exchange[side];
  const name = side === "request" ? "Request" : "Response";
  if (!message) {
    return html`<section class=${`message ${side}`}><div class="bar-line"><h2>${name}</h2></div>
      <p class="hint">${row.open ? "No response yet." : row.error || "There was no response."}</p></section>`;
  }
  const tabs = TABS.map((t) => (t.id === "headers" ? { ...t, label: html`Headers <small>${message.header.length}</small>` } : t));
  return html`<section class=${`message ${side}`} aria-label=${name}>
    <div class="bar-line"><h2>${name}</h2>
      <${Tabs} label=${name} tabs=${tabs} selected=${tab} select=${setTab} />
      <span class="space"></span>
      <${Sizes} row=${row} message=${message} side=${side} revealed=${revealed} /></div>
    <div class="inside" tabindex="-1">${tab === "summary" && html`<${Summary} row=${row} exchange=${exchange} side=${side} />`}
      ${tab === "headers" && html`<${Headers} exchange=${exchange} message=${message} side=${side} />`}
      ${tab === "raw" && html`<${Bytes} as=${Raw} row=${row} message=${message} side=${side} revealed=${revealed} />`}
      ${tab === "hex" && html`<${Bytes} as=${Hex} row=${row} message=${message} side=${side} revealed=${revealed} />`}</div>
  </section>`;
}

/** How large the message is, what of it is missing, and links to save it. */
function Sizes({ row, message, side, revealed }) {
  return html`<span class="sizes">
    ${message.truncated && html`<span class="warning" title="Bodies are kept up to inspect_body_size">${formatSize(message.kept_body)} of ${formatSize(message.body_size)} kept</span>`}
    ${!message.complete && !row.open && html`<span class="warning" title="It did not end as its framing said">incomplete</span>`}
    ${message.kept_body > 0 && html`<a href=${api.urls.body(row.id, side)} download title="Save the decoded body">↓ body <span class="amount">${!message.truncated && formatSize(message.body_size)}</span></a>`}
    <a href=${api.urls.raw(row.id, side, revealed)} download title="Save the message as it passed">↓ raw</a>
  </span>`;
}

function Summary({ row, exchange, side }) {
  const message = exchange[side];
  const { value: content, error } = useLoad((signal) => api.content(row.id, side, signal),
    [`${row.id} ${side}`, message.kept_body, message.complete]);
  const query = side === "request" ? exchange.query ?? [] : [];
  return html`${query.length > 0 && html`<h3>Query parameters</h3><${Fields} fields=${query} />`}
    ${error && html`<p class="problem">${error.message}</p>`}
    ${content && content.kind !== "empty" && html`<${Content} id=${row.id} side=${side} content=${content} message=${message} />`}
    ${content?.kind === "empty" && html`<p class="about">No body${content.note && `: ${content.note}`}</p>
      ${!query.length && html`<${Fields} fields=${message.header} />`}`}`;
}

function Headers({ exchange, message, side }) {
  return html`
    ${side === "response" && exchange.interim?.map((m) => html`<h3 class="mono">${m.start_line}</h3><${Fields} fields=${m.header} />`)}
    <h3 class="mono">${message.start_line}</h3>
    <${Fields} fields=${message.header} />
    ${message.trailer?.length > 0 && html`<h3>Trailers</h3><${Fields} fields=${message.trailer} />`}`;
}

/** Loads the raw bytes of a message for a view. */
function Bytes({ as, row, message, side, revealed }) {
  const { value, error } = useLoad((signal) => api.raw(row.id, side, revealed, signal),
    [`${row.id} ${side} ${revealed}`, message.raw_size]);
  if (error) return html`<p class="problem">${error.message}</p>`;
  return value && html`<${as} bytes=${new Uint8Array(value)} message=${message} />`;
}
