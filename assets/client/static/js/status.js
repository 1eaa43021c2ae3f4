// Tunnels with their figures and QR codes, and the session with the server.
import { html } from "./html.js";
import { api } from "./api.js";
import { copyText } from "./clipboard.js";
import { Dialog } from "./dialog.js";
import { formatAge, formatCount, formatDuration, formatMemory, formatSize, hasTime } from "./format.js";
import { Icon } from "./icons.js";
import { isWeb } from "./model.js";

export function Status({ model, close }) {
  const { state } = model;
  if (!state) return html`<${Dialog} title="Status" close=${close}><p>Connecting …</p><//>`;
  return html`<${Dialog} title="Status" close=${close} wide>
    <${Session} model=${model} state=${state} />
    <h3>Tunnels</h3>
    ${state.tunnels.length ? state.tunnels.map((tunnel) => html`<${Tunnel} key=${tunnel.name} tunnel=${tunnel} />`)
      : html`<p>No tunnel is open.</p>`}
  <//>`;
}

function Session({ model, state }) {
  const { session, usage } = state;
  const since = hasTime(session.since) ? ` for ${formatAge(model.now() - Date.parse(session.since))}` : "";
  const wait = session.retry_at ? Math.ceil((Date.parse(session.retry_at) - model.now()) / 1000) : 0;
  return html`<dl class="facts">
    <dt>Session</dt><dd><span class=${`light ${state.status}`}></span> ${state.status}${since}${wait > 0 && `, next attempt in ${wait} s`}</dd>
    ${session.last_error && html`<dt>Last error</dt><dd class="warning">${session.last_error}</dd>`}
    <dt>Server</dt><dd class="mono">${session.server_addr}</dd>
    <dt>Version</dt><dd>ngrok ${state.version}${session.server_version && `, ngrokd ${session.server_version}`}</dd>
    <dt>Connections</dt><dd>${formatCount(state.totals.count)}, ${formatCount(state.totals.gauge)} open now · ${formatSize(state.bytes_in)} in · ${formatSize(state.bytes_out)} out</dd>
    <dt>Memory</dt><dd>${formatCount(usage.exchanges)} exchanges, ${formatMemory(usage.bytes)} of ${formatMemory(usage.budget)} · ${formatCount(usage.pinned)} pinned, ${formatCount(usage.evicted)} made room</dd>
  </dl>`;
}

function Tunnel({ tunnel }) {
  const { conns, http } = tunnel.metrics;
  return html`<article class="tunnel">
    <img class="qr" src=${api.urls.qr(tunnel.name)} alt=${`QR code of ${tunnel.public_url}`} width="132" height="132" />
    <div>
      <div class="title"><a class="mono" href=${isWeb(tunnel) ? tunnel.public_url : undefined} target="_blank" rel="noopener noreferrer">${tunnel.public_url}</a>
        <button class="plain square" title="Copy the URL" aria-label="Copy the URL" onClick=${() => copyText(tunnel.public_url, tunnel.public_url)}><${Icon} name="copy" /></button></div>
      <div class="muted"><span class="mono">→ ${tunnel.config.addr}</span> · ${tunnel.name}${!tunnel.config.inspect && " · not inspected"}</div>
      <table>
        <thead><tr><th></th><th>count</th><th>open</th><th>1 min</th><th>5 min</th><th>15 min</th><th>p50</th><th>p90</th><th>p99</th></tr></thead>
        <tbody>
          <${Figures} name="Connections" of=${conns} />
          ${isWeb(tunnel) && html`<${Figures} name="HTTP" of=${http} />`}
        </tbody>
      </table>
      <div class="muted">${formatSize(tunnel.bytes_in)} in · ${formatSize(tunnel.bytes_out)} out</div>
    </div>
  </article>`;
}

function Figures({ name, of }) {
  const rate = (n) => `${n.toFixed(n < 10 ? 2 : 0)}/s`;
  return html`<tr><th>${name}</th><td>${formatCount(of.count)}</td><td>${of.gauge ?? ""}</td>
    <td>${rate(of.rate1)}</td><td>${rate(of.rate5)}</td><td>${rate(of.rate15)}</td>
    ${[of.p50, of.p90, of.p99].map((ns) => html`<td>${of.count ? formatDuration(ns) : "–"}</td>`)}</tr>`;
}
