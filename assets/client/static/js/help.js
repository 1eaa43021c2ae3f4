// Keys and the language of the filter.
import { html } from "./html.js";
import { Dialog } from "./dialog.js";

const KEYS = [
  [["j", "k"], "next, previous request"],
  [["enter"], "go to the exchange"],
  [["r"], "replay"],
  [["e"], "edit and replay"],
  [["d"], "difference to the original"],
  [["/"], "filter"],
  [["esc"], "back"],
  [["?"], "this help"],
];

const FILTERS = [
  ["orders 500", "both words, in method, path, host or status"],
  ["-health", "without that word; - works before every term"],
  ['path:"a b"', "quotes keep spaces together"],
  ["method:POST", "exactly this method"],
  ["status:404  status:5xx  status:>=400", "a status, a class, a range"],
  ["path:/hook  host:example", "part of the path with its query, of the host"],
  ["header:X-Foo  header:X-Foo=bar", "a header field of request or response"],
  ["body:text  type:json", "text in a body; part of the response's content type"],
  ["dur:>500ms  size:>1MB", "duration (µs ms s m h), the larger body (B kB MB MiB)"],
  ["tunnel:api  visitor:1.2.3.4", "where it came through, who sent it"],
  ["is:replay  is:ws  is:sse  is:open", "also is:raw, is:error, is:pinned, is:imported"],
];

export function Help({ close }) {
  return html`<${Dialog} title="Help" close=${close}>
    <h3>Keys</h3>
    <dl class="keys">${KEYS.map(([keys, what]) => html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd>`)}</dl>
    <h3>Filter</h3>
    <p>Terms are joined by spaces, and all of them must match. Letter case does not matter.</p>
    <dl class="filters">${FILTERS.map(([text, what]) => html`<dt><code>${text}</code></dt><dd>${what}</dd>`)}</dl>
    <p>HAR files can be dropped anywhere on the page.</p>
  <//>`;
}
