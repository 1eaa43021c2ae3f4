// Short notices of what an action did.
import { useEffect, useState } from "../vendor/preact-hooks.js";
import { html } from "./html.js";

const SHOWN = 4000; // ms; problems stay twice as long

let show = () => {};

/** Shows a notice; kind is "done" or "problem". */
export const notify = (text, kind = "done") => show({ text, kind });

/** Shows why an action failed. */
export const notifyProblem = (err) => notify(err.message, "problem");

/** The place where notices appear. */
export function Toasts() {
  const [notice, setNotice] = useState(null);
  useEffect(() => {
    show = setNotice;
  }, []);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setNotice(null), notice.kind === "problem" ? 2 * SHOWN : SHOWN);
    return () => clearTimeout(timer);
  }, [notice]);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${notice && html`<div class=${`toast ${notice.kind}`} onClick=${() => setNotice(null)}>${notice.text}</div>`}
  </div>`;
}
