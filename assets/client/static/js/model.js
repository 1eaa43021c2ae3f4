// What the page knows: the rows of the list and the state of the client.
import { useEffect, useReducer } from "../vendor/preact-hooks.js";
import { parseFilter } from "./filter.js";
import { api } from "./api.js";

const DEEP_PAUSE = 400; // ms between two questions to the server for one filter

/** Holds rows and state, and tells listeners once a frame that something changed. */
export class Model {
  constructor() {
    this.rows = new Map(); // by id
    this.order = []; // rows, newest first
    this.state = null;
    this.connected = null; // null until the first attempt ended
    this.loaded = false; // the first round of rows has come
    this.filter = parseFilter(""); // as it is written
    this.applied = this.filter; // the last one that could be understood
    this.deep = null; // ids that match what only the server can evaluate; null while unknown
    this.version = 0;
    this.rounds = 0; // of changes
    this.listeners = new Set();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells listeners, in the next frame or soon when the tab is hidden. */
  changed() {
    this.version++;
    if (this.pending) return;
    this.pending = true;
    const tell = () => {
      this.pending = false;
      for (const listener of this.listeners) listener();
    };
    if (document.hidden) setTimeout(tell, 200);
    else requestAnimationFrame(tell);
  }

  /** Takes over one message of the feed. */
  applyChanges({ seq, reset, rows = [], removed = [] }) {
    if (reset) {
      this.rows.clear();
      this.order = [];
    }
    const added = [];
    for (const row of rows) {
      if (!this.rows.has(row.id)) added.push(row);
      this.rows.set(row.id, row);
    }
    for (const id of removed) this.rows.delete(id);
    added.sort((a, b) => b.number - a.number);
    this.order = merge(added, this.order)
      .filter((row) => this.rows.has(row.id))
      .map((row) => this.rows.get(row.id));
    if (seq) this.loaded = true;
    this.rounds++;
    this.askServer();
    this.changed();
  }

  setState(state) {
    this.clockOffset = Date.parse(state.now) - Date.now();
    this.state = state;
    this.changed();
  }

  setConnected(connected) {
    this.connected = connected;
    this.changed();
  }

  /** The time on the clock that rows carry. */
  now() {
    return Date.now() + (this.clockOffset || 0);
  }

  setFilter(text) {
    this.filter = parseFilter(text);
    if (!this.filter.error) {
      this.applied = this.filter;
      this.deep = null;
    }
    this.askServer();
    this.changed();
  }

  /** The rows that match the filter, newest first. */
  visible() {
    if (this.cachedVersion !== this.version) {
      this.cachedVersion = this.version;
      const { applied, deep } = this;
      this.cached = applied.text
        ? this.order.filter((row) => applied.matches(row) && (!applied.deep || (deep && deep.has(row.id))))
        : this.order;
    }
    return this.cached;
  }

  /** Asks the server for header: and body: terms, which rows alone cannot answer. */
  askServer() {
    if (!this.applied.deep || this.asking) return;
    this.asking = setTimeout(async () => {
      const { applied, rounds } = this;
      try {
        const { ids } = await api.matching(applied.text);
        if (applied === this.applied) this.deep = new Set(ids);
      } catch (err) {
        applied.error = err.message;
      }
      this.asking = null;
      this.changed();
      if (applied !== this.applied || rounds !== this.rounds) this.askServer();
    }, this.deep ? DEEP_PAUSE : 60);
  }
}

/** Whether a tunnel carries HTTP that can be read. */
export const isWeb = (tunnel) => tunnel.proto.startsWith("http");

/** Merges two lists of rows that are ordered newest first. */
function merge(a, b) {
  if (!a.length) return b;
  if (!b.length || a[a.length - 1].number > b[0].number) return a.concat(b);
  return a.concat(b).sort((x, y) => y.number - x.number);
}

/** Draws the calling component anew whenever the model changes. */
export function useModel(model) {
  const [, draw] = useReducer((n) => n + 1, 0);
  useEffect(() => model.subscribe(draw), [model]);
}
