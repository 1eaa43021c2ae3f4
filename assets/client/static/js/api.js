// Calls to this program's own API; nothing here ever leaves the machine.

/** What the API answered when it could not do what was asked. */
export class APIError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Makes a call and returns its response; failures become an APIError in plain words. */
async function call(method, path, { json, body, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: json === undefined ? {} : { "Content-Type": "application/json" },
      body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new APIError(0, "The inspector does not answer. Is ngrok still running?");
  }
  if (!response.ok) throw new APIError(response.status, await reason(response));
  return response;
}

async function reason(response) {
  const text = await response.text();
  try {
    const e = JSON.parse(text);
    return e.details?.err || e.msg;
  } catch {
    return text || response.statusText;
  }
}

const query = (params) => {
  const set = Object.entries(params).filter(([, v]) => v);
  return set.length ? `?${new URLSearchParams(set)}` : "";
};
const path = (id, rest = "") => `/api/exchanges/${encodeURIComponent(id)}${rest}`;
const reveal = (on) => query({ reveal: on ? "1" : "" });

export const api = {
  exchange: async (id, revealed, signal) => (await call("GET", path(id, reveal(revealed)), { signal })).json(),
  content: async (id, side, signal) => (await call("GET", path(id, `/${side}/content`), { signal })).json(),
  body: async (id, side, signal) => (await call("GET", path(id, `/${side}/body`), { signal })).arrayBuffer(),
  raw: async (id, side, revealed, signal) =>
    (await call("GET", path(id, `/${side}/raw${reveal(revealed)}`), { signal })).arrayBuffer(),
  timeline: async (id, from, signal) => (await call("GET", path(id, `/timeline?from=${from}`), { signal })).json(),
  curl: async (id, revealed) => (await call("GET", path(id, `/curl${reveal(revealed)}`))).text(),
  diff: async (id, other, revealed, signal) =>
    (await call("GET", path(id, "/diff" + query({ with: other, reveal: revealed ? "1" : "" })), { signal })).json(),
  replay: async (id, options) => (await call("POST", path(id, "/replay"), { json: options })).json(),
  pin: (id, pinned) => call("POST", path(id, "/pin"), { json: { pinned } }),
  clear: () => call("DELETE", "/api/exchanges"),
  matching: async (filter, signal) =>
    (await call("GET", "/api/exchanges" + query({ filter, ids: "1", limit: "10000" }), { signal })).json(),
  importHAR: async (file) => (await call("POST", "/api/har", { body: file })).json(),
  /** Addresses of files, which the server sends as attachments. */
  urls: {
    har: (params) => "/api/har" + query(params),
    body: (id, side) => path(id, `/${side}/body`),
    raw: (id, side, revealed) => path(id, `/${side}/raw${reveal(revealed)}`),
    qr: (tunnel) => "/api/qr.svg" + query({ tunnel }),
  },
};
