// The language of the filter box: the same as the server's (client/inspect/filter.go),
// which is asked for what rows do not hold. A test compares the two.

const STATES = {
  replay: (row) => Boolean(row.replay_of),
  ws: (row) => row.kind === "websocket",
  sse: (row) => row.kind === "events",
  raw: (row) => row.kind === "raw",
  open: (row) => row.open,
  error: (row) => Boolean(row.error) || row.status >= 500,
  pinned: (row) => row.pinned,
  imported: (row) => row.imported,
};
STATES.websocket = STATES.ws;
STATES.events = STATES.sse;

/** A test whether a field contains the value. */
const part = (field) => (value) => (row) => field(row).toLowerCase().includes(value);

/** For each name before a colon: a function from the value to a test of a row; null where rows do not tell. */
const TERMS = {
  method: (value) => (row) => row.method.toLowerCase() === value,
  path: part((row) => row.target),
  host: part((row) => row.host),
  type: part((row) => row.content_type),
  visitor: part((row) => row.visitor_addr),
  tunnel: part((row) => row.tunnel),
  status: statusTest,
  dur: durationTest,
  size: sizeTest,
  is: (value) => {
    if (Object.hasOwn(STATES, value)) return STATES[value];
    throw new Error(`nothing is "${value}": write is:replay, is:ws, is:sse, is:raw, is:open, is:error, is:pinned or is:imported`);
  },
  header: () => null,
  body: () => null,
};

/**
 * Reads a filter: {text, matches(row), deep, error}. deep says that the server has to
 * be asked as well; error says what cannot be understood.
 */
export function parseFilter(text) {
  text = text.trim();
  const filter = { text, deep: false, error: "", matches: () => true };
  const tests = [];
  try {
    for (const word of wordsOf(text)) {
      const test = testOf(word);
      if (!test) filter.deep = true;
      else tests.push(word.not ? (row) => !test(row) : test);
    }
    filter.matches = (row) => tests.every((test) => test(row));
  } catch (err) {
    filter.error = err.message;
  }
  return filter;
}

/** Cuts the text into words, {not, name, value}; quotes keep spaces together. */
function* wordsOf(text) {
  for (let i = 0; ; ) {
    while (text[i] === " " || text[i] === "\t") i++;
    if (i >= text.length) return;
    const word = { not: text[i] === "-" && i + 1 < text.length && text[i + 1] !== " ", name: "", value: "" };
    if (word.not) i++;
    let quoted = false;
    let colon = -1;
    let value = "";
    for (; i < text.length && (quoted || (text[i] !== " " && text[i] !== "\t")); i++) {
      const c = text[i];
      if (c === '"') {
        if (!quoted && colon < 0 && value === "") colon = 0; // what begins with a quote is a bare word
        quoted = !quoted;
      } else if (c === "\\" && quoted && i + 1 < text.length) {
        value += text[++i];
      } else {
        if (c === ":" && !quoted && colon < 0) colon = value.length;
        value += c;
      }
    }
    if (quoted) throw new Error('a quote is not closed: write "some words"');
    if (colon > 0) [word.name, value] = [value.slice(0, colon).toLowerCase(), value.slice(colon + 1)];
    word.value = value.toLowerCase();
    yield word;
  }
}

function testOf({ name, value }) {
  if (!name) {
    return (row) => row.method.toLowerCase().includes(value) || row.target.toLowerCase().includes(value) ||
      row.host.toLowerCase().includes(value) || (row.status > 0 && String(row.status).includes(value));
  }
  if (!value) throw new Error(`${name}: needs something behind the colon`);
  if (!Object.hasOwn(TERMS, name)) {
    throw new Error(`there is no filter "${name}": use ${Object.keys(TERMS).join(", ")}; to search for the text itself, put it in "quotes"`);
  }
  return TERMS[name](value);
}

const COMPARE = {
  ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, "<": (a, b) => a < b, "=": (a, b) => a === b,
};

/** Cuts an operator off a value: [compare, rest]. */
function comparison(value, fallback) {
  const operator = Object.keys(COMPARE).find((o) => value.startsWith(o));
  return [COMPARE[operator ?? fallback], value.slice(operator?.length ?? 0), operator ?? fallback];
}

function statusTest(value) {
  const [compare, rest, operator] = comparison(value, "=");
  if (/^[1-9]xx$/.test(rest) && operator === "=") return (row) => Math.floor(row.status / 100) === Number(rest[0]);
  if (!/^\d+$/.test(rest) || Number(rest) > 0xffff) {
    throw new Error(`"${value}" is no status: write status:404, status:5xx or status:>=400`);
  }
  return (row) => row.status > 0 && compare(row.status, Number(rest));
}

const NANOSECONDS = { ns: 1, us: 1e3, "µs": 1e3, "μs": 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

function durationTest(value) {
  const [compare, rest] = comparison(value, ">=");
  const pieces = [...rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)];
  let limit;
  if (/^\d+(\.\d+)?$/.test(rest)) limit = Number(rest) * 1e6;
  else if (pieces.length && pieces.map(([all]) => all).join("") === rest) {
    limit = pieces.reduce((sum, [, number, unit]) => sum + Number(number) * NANOSECONDS[unit], 0);
  } else throw new Error(`"${value}" is no duration: write dur:>500ms or dur:<2s`);
  return (row) => compare(row.duration, Math.trunc(limit));
}

const BYTES = { kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, kb: 1e3, mb: 1e6, gb: 1e9, k: 1e3, m: 1e6, g: 1e9, b: 1, "": 1 };

function sizeTest(value) {
  const [compare, rest] = comparison(value, ">=");
  const shape = /^(\d+\.?\d*|\.\d+)([kmg]i?b|[kmgb]|)$/.exec(rest);
  if (!shape) throw new Error(`"${value}" is no size: write size:>1MB or size:<10kB`);
  const limit = Math.trunc(Number(shape[1]) * BYTES[shape[2]]);
  return (row) => compare(Math.max(row.request_size, row.response_size), limit);
}
