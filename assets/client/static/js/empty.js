// What stands in place of the list while there is nothing: how to make the first request.
import { html } from "./html.js";
import { copyText } from "./clipboard.js";
import { Icon } from "./icons.js";
import { isWeb } from "./model.js";

export function Empty({ model }) {
  const tunnels = (model.state?.tunnels ?? []).filter(isWeb);
  if (!tunnels.length) return html`<${NoTunnel} model=${model} />`;
  const line = `curl -i ${(tunnels.find(isPractice) ?? tunnels[0]).public_url}/`;
  return html`<section class="empty">
    <h1>No requests yet</h1>
    <p>Send the first one through ${tunnels.length > 1 ? "one of your tunnels" : "your tunnel"}; it shows up here at once.</p>
    <dl>${tunnels.map((t) => html`<dt><a href=${t.public_url} target="_blank" rel="noopener noreferrer">${t.public_url}</a></dt>
      <dd>→ ${t.config.addr}</dd>`)}</dl>
    <${Command} line=${line} />
    ${!model.state.capture && html`<p class="warning">Capture is off: set <code>inspect_db_size</code> to 0 or more to see requests.</p>`}
  </section>`;
}

/** Whether curl reaches the tunnel where it would not trust the certificate: of a server on this machine. */
const isPractice = (tunnel) => /^http:\/\/([^/]+\.)?localhost(:\d+)?$/.test(tunnel.public_url);

function NoTunnel({ model }) {
  const { state } = model;
  if (!state) return html`<section class="empty"><h1>Connecting …</h1></section>`;
  if (state.status !== "online") {
    return html`<section class="empty"><h1>${state.status === "connecting" ? "Connecting to" : "Not connected to"} ${state.session.server_addr}</h1>
      ${state.session.last_error && html`<p class="warning">${state.session.last_error}</p>`}</section>`;
  }
  const line = `curl -X POST ${location.origin}/api/tunnels -H 'Content-Type: application/json' -d '{"name":"web","proto":"http","addr":8080}'`;
  return html`<section class="empty">
    <h1>No http tunnel is open</h1>
    <p>Open one for the service on port 8080:</p>
    <${Command} line=${line} />
  </section>`;
}

function Command({ line }) {
  return html`<div class="command"><code>${line}</code>
    <button class="plain" onClick=${() => copyText(line, "the command")}><${Icon} name="copy" /> Copy</button></div>`;
}
