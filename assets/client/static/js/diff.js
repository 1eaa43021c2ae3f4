// What differs between the response of a replay and that of its origin.
import { html } from "./html.js";
import { api } from "./api.js";
import { formatDuration } from "./format.js";
import { useLoad } from "./load.js";

export function Diff({ row, model, revealed, select }) {
  const origin = model.rows.get(row.replay_of);
  const { value: diff, error } = useLoad((signal) => api.diff(row.id, "", revealed, signal), [row.id, row.seq, revealed]);
  if (error) return html`<p class="problem">${error.message}</p>`;
  if (!diff) return null;
  return html`<div class="diff inside">
    <p class="legend"><span class="old">− original</span> ${origin && html`<button class="link" onClick=${() => select(origin.id)}>${origin.status || "no response"}, ${formatDuration(origin.duration)}</button>`}
      <span class="new">+ replay</span> ${row.status || "no response"}, ${formatDuration(row.duration)}</p>
    ${diff.same && html`<p class="same">Both responses are the same: status, headers and body.</p>`}
    ${diff.note && html`<p class="note">${diff.note}</p>`}
    ${diff.status && html`<h3>Status</h3><${Changes} changes=${[{ ...diff.status, path: "status" }]} />`}
    ${diff.headers?.length > 0 && html`<h3>Headers</h3><${Changes} changes=${diff.headers} />`}
    ${!diff.same && html`<h3>Body</h3>`}
    ${!diff.same && diff.body === "same" && html`<p class="muted">The bodies are the same.</p>`}
    ${diff.body === "binary" && !diff.same && html`<p class="muted">The bodies are binary and differ.</p>`}
    ${diff.json?.length > 0 && html`<${Changes} changes=${diff.json} />`}
    ${diff.lines?.length > 0 && html`<div class="code lines">${diff.lines.map((line) => html`<${Line} line=${line} />`)}</div>`}
  </div>`;
}

function Changes({ changes }) {
  return html`<table class="changes"><tbody>${changes.map((c) => html`<tr>
    <th scope="row">${c.path}</th>
    <td>${c.kind !== "added" && html`<div class="old">${c.old}</div>`}${c.kind !== "removed" && html`<div class="new">${c.new}</div>`}</td>
  </tr>`)}</tbody></table>`;
}

const SIGNS = { same: " ", removed: "−", added: "+" };

function Line({ line }) {
  if (line.kind === "skip") return html`<div class="line skip">⋯ ${line.old} unchanged lines</div>`;
  return html`<div class=${`line ${line.kind}`}><span class="no">${line.old || ""}</span><span class="no">${line.new || ""}</span>
    <span class="sign">${SIGNS[line.kind]}</span><span class="text">${line.text}</span></div>`;
}
