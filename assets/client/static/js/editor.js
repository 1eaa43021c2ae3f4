// A request to change before it is sent again.
import { useEffect, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { Icon } from "./icons.js";

/** Set anew by the server for the body that is sent. */
const FRAMING = new Set(["content-length", "transfer-encoding"]);

export function Editor({ row, exchange, revealed, replay, cancel, model }) {
  const [draft, setDraft] = useState(null);
  const [problem, setProblem] = useState("");
  const [sending, setSending] = useState(false);
  useEffect(() => {
    load(row, exchange, revealed).then(setDraft, (err) => setProblem(err.message));
  }, [row.id, revealed]);
  if (!draft) return html`<p class="hint">${problem || "Loading …"}</p>`;

  const set = (name) => (event) => setDraft({ ...draft, [name]: event.currentTarget.value });
  const send = async () => {
    try {
      const edit = editOf(draft);
      setSending(true);
      setProblem("");
      if (!(await replay(row.id, { edit, tunnel: row.local_addr ? "" : model.state?.tunnels[0]?.name }))) setSending(false);
    } catch (err) {
      setProblem(err.message);
    }
  };
  const key = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  };
  return html`<form class="editor" onSubmit=${(event) => { event.preventDefault(); send(); }} onKeyDown=${key}>
    <div class="line"><input class="method mono" aria-label="Method" value=${draft.method} onInput=${set("method")} spellcheck="false" list="methods" />
      <datalist id="methods">${["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].map((m) => html`<option value=${m} />`)}</datalist>
      <input class="target mono" aria-label="Path and query" value=${draft.target} onInput=${set("target")} spellcheck="false" /></div>
    <label for="edit-headers">Headers <small>one a line; ${exchange.secrets && !revealed ? "covered values are sent as they were; " : ""}the length is set for you</small></label>
    <textarea id="edit-headers" class="mono" rows=${Math.min(Math.max(draft.headers.split("\n").length, 4), 14)} value=${draft.headers}
      onInput=${set("headers")} spellcheck="false" wrap="off"></textarea>
    <label for="edit-body">Body ${draft.note && html`<small>${draft.note}</small>`}</label>
    ${draft.text === null
      ? html`<p class="hint small">${draft.why}</p>`
      : html`<textarea id="edit-body" class="mono body" value=${draft.body} onInput=${set("body")} spellcheck="false"></textarea>`}
    ${problem && html`<p class="problem">${problem}</p>`}
    <div class="line buttons"><button class="primary" type="submit" disabled=${sending}><${Icon} name="replay" /> Send</button>
      <button class="plain" type="button" onClick=${cancel}>Cancel</button>
      <span class="muted">to ${row.local_addr || "the first tunnel's service"} · <kbd>ctrl</kbd> <kbd>enter</kbd></span></div>
  </form>`;
}

/** Makes a draft of the request as it was. text is null when the body is not to be edited here. */
async function load(row, exchange, revealed) {
  const { request } = exchange;
  const headers = request.header.filter((f) => !FRAMING.has(f.name.toLowerCase()));
  const draft = {
    method: row.method, target: row.target, original: request.header, truncated: request.truncated,
    text: "", body: "", encoded: false, note: "", revealed,
  };
  if (request.kept_body > 0 || request.truncated) {
    const content = await api.content(row.id, "request");
    if (request.truncated) {
      draft.note = "the body was not kept in full: write one of your own";
    } else if (content.kind === "binary" || content.kind === "image" || content.cut) {
      draft.text = null;
      draft.why = content.cut ? "The body could not be decoded in full; it is sent as it was." : "The body is binary; it is sent as it was.";
    } else {
      draft.text = draft.body = content.text ?? "";
      draft.encoded = Boolean(content.encodings?.length);
      if (draft.encoded) draft.note = "sent without its content encoding if you change it";
    }
  }
  draft.headers = headers.map((f) => `${f.name}: ${f.value}`).join("\n");
  return draft;
}

/** What the server is to send, out of a draft; throws in plain words. */
function editOf(draft) {
  const touched = draft.truncated || (draft.text !== null && draft.body !== draft.text);
  let header = draft.headers.split("\n").filter((line) => line.trim()).map((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`“${line}” is not a header: write Name: value`);
    return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
  });
  if (touched && draft.encoded) header = header.filter((f) => f.name.toLowerCase() !== "content-encoding");
  return {
    method: draft.method.trim(),
    target: draft.target.trim(),
    header,
    body: touched ? toBase64(draft.body) : null,
  };
}

function toBase64(text) {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}
