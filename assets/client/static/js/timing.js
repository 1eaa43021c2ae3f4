// When what happened, as a waterfall.
import { html } from "./html.js";
import { formatClock, formatDuration, formatSize, hasTime } from "./format.js";

export function Timing({ row, model }) {
  const start = Date.parse(row.start);
  const end = hasTime(row.end) ? Date.parse(row.end) : model.now();
  const first = hasTime(row.first_byte) ? Date.parse(row.first_byte) : null;
  // The duration is exact; dates are rounded to milliseconds.
  const total = row.open ? Math.max(end - start, 0.001) : Math.max(row.duration / 1e6, 0.001);
  const waiting = first === null ? total : Math.min(exact(row.start, row.first_byte), total);
  const phases = [
    { name: first === null ? "Waiting for a response" : "Request and waiting", from: 0, to: waiting, kind: "wait" },
    first !== null && { name: "Response", from: waiting, to: total, kind: "receive" },
  ].filter(Boolean);
  return html`<div class="timing inside">
    <table class="waterfall"><tbody>${phases.map((p) => html`<tr><th scope="row">${p.name}</th>
      <td class="track"><span class=${p.kind} style=${{ left: `${(p.from / total) * 100}%`, width: `${((p.to - p.from) / total) * 100}%` }}></span></td>
      <td class="mono">${formatDuration((p.to - p.from) * 1e6)}</td></tr>`)}
      <tr class="sum"><th scope="row">Total</th><td></td><td class="mono">${formatDuration(total * 1e6)}${row.open && " so far"}</td></tr></tbody></table>
    <table class="fields"><tbody>
      <${Moment} name="First byte of the request" time=${row.start} />
      <${Moment} name="First byte of the response" time=${row.first_byte} />
      <${Moment} name="End" time=${row.end} />
      <tr><th scope="row">Request body</th><td>${formatSize(row.request_size)}</td></tr>
      <tr><th scope="row">Response body</th><td>${formatSize(row.response_size)}${!row.open && total - waiting > 1
        ? ` (${formatSize(row.response_size / ((total - waiting) / 1000))}/s)` : ""}</td></tr>
    </tbody></table>
  </div>`;
}

const Moment = ({ name, time }) =>
  html`<tr><th scope="row">${name}</th><td>${hasTime(time) ? formatClock(time) : "not yet"}</td></tr>`;

/** Milliseconds between two RFC 3339 times, with their fractions. */
function exact(a, b) {
  const fraction = (time) => Number(`0.${/\.(\d+)/.exec(time)?.[1] ?? 0}`) * 1000;
  const seconds = (time) => Math.floor(Date.parse(time) / 1000) * 1000;
  return seconds(b) - seconds(a) + fraction(b) - fraction(a);
}
