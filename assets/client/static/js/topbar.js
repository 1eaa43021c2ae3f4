// The bar at the top: where the tunnel is, the filter, and what concerns all exchanges.
import { useRef, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { importHAR } from "./app.js";
import { copyText } from "./clipboard.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";
import { nextTheme, recall } from "./prefs.js";
import { notify, notifyProblem } from "./toast.js";

export function TopBar({ model, filterBox, overlay, setOverlay }) {
  const [theme, setTheme] = useState(() => recall("theme", "auto"));
  return html`<header class="topbar">
    <button class="where" onClick=${() => setOverlay(overlay === "status" ? null : "status")}
      title="Tunnels and status" aria-label="Tunnels and status"><${Light} model=${model} /></button>
    <${Address} model=${model} setOverlay=${setOverlay} />
    <${FilterBox} model=${model} filterBox=${filterBox} setOverlay=${setOverlay} />
    <${Files} model=${model} />
    <button class="plain" onClick=${clear} title="Remove all exchanges that are not pinned">Clear</button>
    <button class="plain status-button" aria-pressed=${overlay === "status"}
      onClick=${() => setOverlay(overlay === "status" ? null : "status")}>Status</button>
    <button class="plain square" title=${`Theme: ${theme}`} aria-label=${`Theme: ${theme}`}
      onClick=${() => setTheme(nextTheme(theme))}><${Icon} name=${theme} /></button>
    <button class="plain square" title="Help (?)" aria-label="Help" onClick=${() => setOverlay("help")}><${Icon} name="help" /></button>
  </header>`;
}

async function clear() {
  try {
    const { removed } = await (await api.clear()).json();
    notify(`Removed ${removed} exchange${removed === 1 ? "" : "s"}; pinned ones stay`);
  } catch (err) {
    notifyProblem(err);
  }
}

/** The state of the session, as a word and a colour. */
function Light({ model }) {
  const status = model.connected === false ? "stopped" : model.state?.status ?? "connecting";
  const word = status === "stopped" ? "ngrok does not answer" : status;
  return html`<span class=${`light ${status}`}></span><span class="word">${word}</span>`;
}

/** The public URL, for a click that copies it. */
function Address({ model, setOverlay }) {
  const tunnels = model.state?.tunnels ?? [];
  if (!tunnels.length) return html`<span class="address none">${model.state ? "no tunnel" : ""}</span>`;
  const url = tunnels[0].public_url;
  return html`<span class="address">
    <button class="url" title="Copy the URL" onClick=${() => copyText(url, url)}>${url}</button>
    ${tunnels.length > 1 && html`<button class="more" onClick=${() => setOverlay("status")}
      title=${tunnels.slice(1).map((t) => t.public_url).join("\n")}>+${tunnels.length - 1}</button>`}
  </span>`;
}

function FilterBox({ model, filterBox, setOverlay }) {
  const [text, setText] = useState("");
  const change = (value) => {
    setText(value);
    model.setFilter(value);
  };
  const { error } = model.filter;
  return html`<div class=${`filter ${error ? "wrong" : ""} ${text ? "used" : ""}`}>
    <${Icon} name="search" />
    <input ref=${filterBox} type="text" value=${text} placeholder="Filter: status:5xx method:POST -path:/health body:order"
      aria-label="Filter" aria-invalid=${Boolean(error)} spellcheck="false" autocomplete="off"
      onInput=${(event) => change(event.currentTarget.value)} />
    ${text && html`<button class="plain square" title="Show all" aria-label="Show all" onClick=${() => { change(""); filterBox.current.focus(); }}>
      <${Icon} name="close" /></button>`}
    ${!text && html`<kbd title="Press / to filter">/</kbd>`}
    ${error && html`<div class="why" role="alert">${error} <button class="link" onClick=${() => setOverlay("help")}>Help</button></div>`}
  </div>`;
}

/** HAR files in and out. */
function Files({ model }) {
  const input = useRef(null);
  const { applied } = model;
  const scope = applied.text ? { filter: applied.text } : {};
  const what = scope.filter ? `${model.visible().length} shown` : "all";
  return html`<${Menu} label="HAR" title="Export or import HAR files">
      <a href=${api.urls.har(scope)} download="ngrok.har">Export ${what}, secrets covered</a>
      <a href=${api.urls.har({ ...scope, reveal: "1" })} download="ngrok.har">Export ${what} with secrets</a>
      <button onClick=${() => input.current.click()}>Import a file …</button>
    <//>
    <input ref=${input} class="offscreen" type="file" accept=".har,application/json" aria-label="HAR file to import" tabindex="-1"
      onChange=${(event) => {
        const [file] = event.currentTarget.files;
        if (file) importHAR(file);
        event.currentTarget.value = "";
      }} />`;
}
