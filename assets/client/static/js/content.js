// A body made readable, by what it is.
import { useEffect, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { Code } from "./code.js";
import { Fields } from "./fields.js";
import { formatSize } from "./format.js";

/** Raster types that browsers draw and never run. */
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/x-icon", "image/vnd.microsoft.icon"]);

/** Languages of the highlighter, by kind or by media type. */
const LANGUAGES = { json: "json", xml: "xml", html: "xml" };
const MEDIA = [[/javascript|ecmascript/, "javascript"], [/\bcss\b/, "css"], [/yaml/, "yaml"], [/graphql/, "graphql"]];

export function Content({ id, side, content, message }) {
  const about = [
    content.media_type,
    content.charset && content.charset !== "utf-8" && content.charset,
    content.encodings?.length && `${content.encodings.join(", ")} taken off`,
  ].filter(Boolean).join(" · ");
  return html`
    <div class="about">${about}${content.cut && html` <span class="warning">cut: this is not all of it</span>`}
      ${content.note && html` <span class="warning">${content.note}</span>`}</div>
    ${content.syntax && html`<p class="problem">${content.kind.toUpperCase()} error in line ${content.syntax.line}, column ${content.syntax.column}: ${content.syntax.msg}</p>`}
    <${Body} id=${id} side=${side} content=${content} message=${message} />`;
}

function Body({ id, side, content, message }) {
  switch (content.kind) {
    case "form":
      return html`<${Fields} fields=${content.form ?? []} />`;
    case "multipart":
      return content.parts ? html`<${Parts} parts=${content.parts} />` : html`<${Code} text=${content.text ?? ""} />`;
    case "image":
      return IMAGES.has(content.media_type)
        ? html`<${Image} id=${id} side=${side} type=${content.media_type} size=${message.kept_body} />`
        : html`<p class="hint small">An image of a type that is not shown.</p>`;
    case "binary":
      return html`<p class="hint small">Binary, ${formatSize(message.kept_body)}. See Hex, or save the body.</p>`;
    default:
      return html`<${Code} text=${content.pretty || content.text || ""} mark=${content.pretty ? null : content.syntax}
        language=${LANGUAGES[content.kind] ?? MEDIA.find(([type]) => type.test(content.media_type))?.[1]} />`;
  }
}

function Parts({ parts }) {
  return html`<table class="parts"><thead><tr><th>Name</th><th>File</th><th>Type</th><th>Size</th></tr></thead>
    <tbody>${parts.map((part) => html`<tr><td>${part.name}</td><td>${part.file_name}</td><td>${part.media_type}</td><td>${formatSize(part.size)}</td></tr>
      ${part.text && html`<tr class="text"><td colspan="4"><pre>${part.text}${part.cut && "\n…"}</pre></td></tr>`}`)}</tbody></table>`;
}

/** An image out of the captured bytes, under a type from IMAGES alone. */
function Image({ id, side, type, size }) {
  const [shown, setShown] = useState({});
  useEffect(() => {
    const abort = new AbortController();
    let url;
    api.body(id, side, abort.signal).then((bytes) => {
      url = URL.createObjectURL(new Blob([bytes], { type }));
      setShown({ url });
    }, (error) => abort.signal.aborted || setShown({ error }));
    return () => {
      abort.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [id, side, type, size]);
  const measure = ({ currentTarget: img }) => setShown((s) => ({ ...s, measured: `${img.naturalWidth} × ${img.naturalHeight}` }));
  if (shown.error) return html`<p class="problem">${shown.error.message}</p>`;
  return shown.url && html`<figure class="image"><img src=${shown.url} alt="The body as an image" onLoad=${measure}
    onError=${() => setShown({ error: new Error("The browser cannot draw this image") })} />
    <figcaption>${shown.measured}</figcaption></figure>`;
}
