// What can be done with the selected exchange, each a click away.
import { useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { copyText } from "./clipboard.js";
import { Icon } from "./icons.js";
import { isWeb } from "./model.js";
import { notifyProblem } from "./toast.js";

export function Actions({ row, exchange, model, replay, setView, editing, revealed, setRevealed }) {
  const covered = exchange?.secrets && !revealed ? ", secrets covered" : "";
  const attempt = (action) => async () => {
    try {
      await action();
    } catch (err) {
      notifyProblem(err);
    }
  };
  const copyCurl = attempt(async () => copyText(await api.curl(row.id, revealed), `a curl command${covered}`));
  const copyRaw = attempt(async () =>
    copyText(new TextDecoder().decode(await api.raw(row.id, "request", revealed)), `the raw request${covered}`));
  return html`<div class="actions" role="toolbar" aria-label="Actions">
    <${Replay} row=${row} exchange=${exchange} model=${model} replay=${replay} />
    <button class="plain" aria-pressed=${editing} disabled=${Boolean(neverHTTP(row))} onClick=${() => setView({ name: editing ? "exchange" : "edit" })}
      title="Change the request, then send it (e)">Edit & replay</button>
    <span class="bar"></span>
    <button class="plain" onClick=${copyCurl} title="Copy the request as a curl command">Copy curl</button>
    <button class="plain" onClick=${copyRaw} title="Copy the request as it passed">Copy raw</button>
    <a class="button plain" href=${api.urls.har({ ids: row.id, reveal: revealed ? "1" : "" })} download="ngrok.har"
      title="Save this exchange as a HAR file">HAR</a>
    <span class="bar"></span>
    <button class="plain" aria-pressed=${row.pinned} onClick=${attempt(() => api.pin(row.id, !row.pinned))}
      title="Pinned exchanges stay when others are removed"><${Icon} name="pin" /> ${row.pinned ? "Pinned" : "Pin"}</button>
    ${exchange?.secrets && html`<button class="plain" aria-pressed=${revealed} onClick=${() => setRevealed(!revealed)}
      title="Show values of Authorization, Cookie and the like, also when copying and exporting">
      <${Icon} name="eye" /> ${revealed ? "Cover" : "Reveal"}</button>`}
  </div>`;
}

/** Why an exchange can never be sent again; empty when it can. */
function neverHTTP(row) {
  if (row.kind === "websocket" || row.kind === "upgrade") return "A websocket cannot be replayed";
  return row.kind === "raw" ? "These bytes are not an HTTP request" : "";
}

/** Why an exchange cannot be sent again as it is; empty when it can. */
function whyNot(row, exchange) {
  if (neverHTTP(row)) return neverHTTP(row);
  if (exchange?.request.truncated) return "The body was not kept in full, so the same request cannot be sent again";
  if (exchange && !exchange.request.complete && !row.open) return "The request did not arrive in full";
  return "";
}

/** The replay button with how many times, and where to when that is not known. */
function Replay({ row, exchange, model, replay }) {
  const [count, setCount] = useState(1);
  const reason = whyNot(row, exchange);
  const tunnels = (model.state?.tunnels ?? []).filter(isWeb);
  const homeless = !row.local_addr;
  const [tunnel, setTunnel] = useState("");
  const target = homeless ? tunnel || tunnels[0]?.name : "";
  return html`<span class="split">
    <button class="primary" disabled=${Boolean(reason) || (homeless && !target)} title=${reason || "Send the same bytes again (r)"}
      onClick=${() => replay(row.id, { count, tunnel: target })}><${Icon} name="replay" /> Replay</button>
    <label title="How many times">× <input type="number" min="1" max=${model.state?.max_replays ?? 1} value=${count} disabled=${Boolean(reason)}
      aria-label="How many times" onInput=${(event) => setCount(Math.max(1, Math.floor(Number(event.currentTarget.value)) || 1))} /></label>
    ${homeless && tunnels.length > 0 && html`<select aria-label="Tunnel to send it to" value=${target}
      onChange=${(event) => setTunnel(event.currentTarget.value)}>${tunnels.map((t) => html`<option value=${t.name}>${t.name}</option>`)}</select>`}
  </span>`;
}
