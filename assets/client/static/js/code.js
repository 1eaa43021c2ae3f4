// Text with line numbers and colours. Long texts draw only the lines in view.
import { useMemo } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { highlightLines } from "./highlight.js";
import { Lines } from "./lines.js";

const DRAWN_WHOLE = 1500; // lines; as many are searchable by the browser, and wrap
const LONGEST_LINE = 2000; // characters; a longer line goes on in the next row

/** mark is the place of a syntax error: {line, column, msg}. */
export function Code({ text, language, mark }) {
  const lines = useMemo(() => {
    const whole = text.replace(/\n$/, "");
    return breakLines(number(language === "http" ? httpLines(whole) : highlightLines(whole, language)));
  }, [text, language]);
  const draw = (line) => html`<span class="no">${line.no}</span><span class="text">${mark && line.no === mark.line
    ? marked(line.tokens, mark) : line.tokens.map((t) => (t.className ? html`<span class=${t.className}>${t.text}</span>` : t.text))}</span>`;
  const at = mark ? lines.findIndex((line) => line.no === mark.line) : -1;
  if (lines.length > DRAWN_WHOLE) {
    return html`<${Lines} count=${lines.length} draw=${(i) => draw(lines[i])} at=${at} className="code" label="Text" />`;
  }
  return html`<div class="code whole">${lines.map((line, i) => html`<div class=${`line ${i === at ? "wrong" : ""}`}>${draw(line)}</div>`)}</div>`;
}

/** Colours the head of an HTTP message; what follows stays as it is. */
function httpLines(text) {
  let inHead = true;
  return text.split("\n").map((line, i) => {
    inHead &&= line !== "";
    const colon = inHead && i > 0 ? line.indexOf(":") + 1 : 0;
    if (!colon) return [{ text: line, className: i === 0 ? "t-start" : "" }];
    return [{ text: line.slice(0, colon), className: "t-name" }, { text: line.slice(colon), className: "" }];
  });
}

const number = (lines) => lines.map((tokens, i) => ({ no: i + 1, tokens }));

/** Breaks lines that are too long for a browser into several rows. */
function breakLines(lines) {
  if (!lines.some((line) => line.tokens.reduce((n, t) => n + t.text.length, 0) > LONGEST_LINE)) return lines;
  const out = [];
  for (const line of lines) {
    let row = { no: line.no, tokens: [] };
    let room = LONGEST_LINE;
    for (let { text, className } of line.tokens) {
      while (text.length > room) {
        row.tokens.push({ text: text.slice(0, room), className });
        text = text.slice(room);
        out.push(row);
        row = { no: "", tokens: [] };
        room = LONGEST_LINE;
      }
      row.tokens.push({ text, className });
      room -= text.length;
    }
    out.push(row);
  }
  return out;
}

/** Draws a line with the character at the error marked. */
function marked(tokens, mark) {
  const chars = Array.from(tokens.map((t) => t.text).join(""));
  const at = mark.column - 1;
  return [chars.slice(0, at).join(""), html`<mark title=${mark.msg}>${chars[at] ?? "⏎"}</mark>`, chars.slice(at + 1).join("")];
}
