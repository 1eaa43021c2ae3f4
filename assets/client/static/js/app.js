// The page as a whole: what is open, what is selected, and the keys.
import { useCallback, useEffect, useReducer, useRef } from "../vendor/preact-hooks.js";
import { html } from "./html.js";
import { api } from "./api.js";
import { Empty } from "./empty.js";
import { Exchange } from "./exchange.js";
import { Footer } from "./footer.js";
import { Help } from "./help.js";
import { List } from "./list.js";
import { useModel } from "./model.js";
import { Splitter } from "./splitter.js";
import { Status } from "./status.js";
import { Toasts, notify, notifyProblem } from "./toast.js";
import { TopBar } from "./topbar.js";
import { useKeys } from "./keys.js";

export function App({ model }) {
  useModel(model);
  const page = usePage();
  const { selected, view, overlay } = page.now;
  const { select, setView, setOverlay } = page;
  const filterBox = useRef(null);
  const main = useRef(null);
  const replay = useReplay(select);
  useFirst(model, select);
  useKeys(model, page, filterBox, replay);
  useDrop();

  const row = selected && model.rows.get(selected);
  const seen = useRef(null);
  if (row) seen.current = row.id;
  const gone = selected && !row && seen.current === selected; // and not just on its way
  useEffect(() => {
    document.title = row ? `${row.method} ${row.path} · ngrok` : "ngrok inspector";
  }, [row && row.id]);

  return html`<div class=${`app ${selected ? "has-selection" : ""}`}>
    <${TopBar} model=${model} filterBox=${filterBox} overlay=${overlay} setOverlay=${setOverlay} />
    <main ref=${main}>
      ${model.loaded && !model.order.length
        ? html`<${Empty} model=${model} />`
        : html`
          <${List} model=${model} selected=${selected} select=${select} replay=${replay} />
          <${Splitter} within=${main} />
          <section class="panel" aria-label="Exchange">
            ${row ? html`<${Exchange} key=${row.id} row=${row} model=${model} view=${view} setView=${setView}
                select=${select} replay=${replay} close=${() => select(null)} />`
              : html`<p class="hint">${gone
                  ? "This exchange is no longer kept: newer ones needed the room."
                  : selected ? "Sending …" : "Select a request to see it here."}<br />
                  <kbd>j</kbd> <kbd>k</kbd> move · <kbd>/</kbd> filter · <kbd>?</kbd> help</p>`}
          </section>`}
    </main>
    <${Footer} model=${model} />
    ${overlay === "status" && html`<${Status} model=${model} close=${() => setOverlay(null)} />`}
    ${overlay === "help" && html`<${Help} close=${() => setOverlay(null)} />`}
    <${Toasts} />
  </div>`;
}

/**
 * What is selected and open: {now: {selected, view, overlay}, select, setView, setOverlay}.
 * now is changed at once, so that keys pressed before the next frame see what the ones
 * before them did; the functions stay the same.
 */
function usePage() {
  const [, draw] = useReducer((n) => n + 1, 0);
  const page = useRef(null);
  if (!page.current) {
    const now = { selected: null, view: { name: "exchange" }, overlay: null };
    const set = (change) => {
      Object.assign(now, change);
      draw();
    };
    page.current = {
      now,
      select: (id) => set({ selected: id, view: { name: "exchange" } }),
      setView: (view) => set({ view }),
      setOverlay: (overlay) => set({ overlay }), // "help", "status" or null
    };
  }
  return page.current;
}

/** Opens the newest exchange once, as soon as there is one and room beside the list. */
function useFirst(model, select) {
  const done = useRef(false);
  const newest = model.loaded && model.order[0];
  useEffect(() => {
    if (done.current || !newest) return;
    done.current = true;
    if (matchMedia("(min-width: 701px)").matches) select(newest.id);
  }, [newest && newest.id]);
}

/** Returns a function that replays an exchange and opens the new one. */
function useReplay(select) {
  return useCallback(async (id, options = {}) => {
    try {
      const { id: started } = await api.replay(id, options);
      select(started);
      if (options.count > 1) notify(`Sending it ${options.count} times`);
      return true;
    } catch (err) {
      notifyProblem(err);
      return false;
    }
  }, []);
}

/** Imports HAR files that are dropped anywhere on the page. */
function useDrop() {
  useEffect(() => {
    const over = (event) => event.preventDefault();
    const drop = (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) importHAR(event.dataTransfer.files[0]);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, []);
}

/** Imports a HAR file and says how much came of it. */
export async function importHAR(file) {
  try {
    const { ids } = await api.importHAR(file);
    notify(`Imported ${ids.length} exchange${ids.length === 1 ? "" : "s"} from ${file.name}`);
  } catch (err) {
    notifyProblem(err);
  }
}
