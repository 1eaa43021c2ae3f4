// The language of the filter box. The same is understood by the server
// (client/inspect/filter.go), which is asked for what rows do not hold.

const UNITS = { us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const SIZES = { "": 1, b: 1, kb: 1024, k: 1024, mb: 1024 ** 2, m: 1024 ** 2, gb: 1024 ** 3, g: 1024 ** 3 };
const STATES = {
  replay: (row) => Boolean(row.replay_of),
  ws: (row) => row.kind === "websocket",
  sse: (row) => row.kind === "events",
  open: (row) => row.open,
  error: (row) => Boolean(row.error),
  pinned: (row) => row.pinned,
  imported: (row) => row.imported,
};
const contains = (field) => (value) => (row) => field(row).toLowerCase().includes(value);

/** For each name before a colon: a function from the value to a test of a row. */
const TERMS = {
  method: (value) => (row) => row.method.toLowerCase() === value,
  status: statusTest,
  path: contains((row) => row.target),
  host: contains((row) => row.host),
  type: contains((row) => row.content_type),
  tunnel: contains((row) => row.tunnel),
  visitor: contains((row) => row.visitor_addr),
  dur: (value) => comparison("dur", value, UNITS, (row) => row.duration, "dur:>500ms"),
  size: (value) => comparison("size", value, SIZES, (row) => row.response_size, "size:>1MB"),
  is: (value) => {
    if (!STATES[value]) throw new Error(`is:${value} is not known: write one of ${Object.keys(STATES).join(", ")}`);
    return STATES[value];
  },
  header: () => null,
  body: () => null,
};

/** The words of the text with quotes taken off: {word, negated}. */
function split(text) {
  const words = [];
  for (const [match] of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const negated = match.length > 1 && match.startsWith("-");
    words.push({ word: (negated ? match.slice(1) : match).replaceAll('"', ""), negated });
  }
  return words;
}

/**
 * Reads a filter: {text, matches(row), deep, error}. deep says that the server has to
 * be asked as well; error says what cannot be understood.
 */
export function parseFilter(text) {
  text = text.trim();
  const filter = { text, deep: false, error: "", matches: () => true };
  const tests = [];
  try {
    for (const { word, negated } of split(text)) {
      const test = term(word);
      if (!test) filter.deep = true;
      else tests.push(negated ? (row) => !test(row) : test);
    }
  } catch (err) {
    filter.error = err.message;
  }
  filter.matches = (row) => tests.every((test) => test(row));
  return filter;
}

function term(word) {
  const colon = word.indexOf(":");
  const name = word.slice(0, Math.max(colon, 0)).toLowerCase();
  if (colon > 0 && Object.hasOwn(TERMS, name)) {
    const value = word.slice(colon + 1).toLowerCase();
    if (!value) throw new Error(`${name}: wants a value`);
    return TERMS[name](value);
  }
  const value = word.toLowerCase();
  return (row) =>
    row.method.toLowerCase().includes(value) || row.target.toLowerCase().includes(value) ||
    row.host.toLowerCase().includes(value) || String(row.status || "").includes(value);
}

function statusTest(value) {
  const shape = /^(>=|<=|>|<|=)?([1-9])(\d\d|xx)$/.exec(value);
  if (!shape) throw new Error(`status:${value} is not understood: write as status:404, status:5xx or status:>=400`);
  const [, operator = "=", first, rest] = shape;
  if (rest !== "xx") return compare(operator, Number(first + rest), (row) => row.status, (row) => row.status > 0);
  const low = Number(first) * 100;
  const bound = operator === ">" || operator === "<=" ? low + 99 : low;
  if (operator === "=") return (row) => Math.floor(row.status / 100) === Number(first);
  return compare(operator, bound, (row) => row.status, (row) => row.status > 0);
}

function comparison(name, value, units, field, example) {
  const shape = /^(>=|<=|>|<|=)?(\d+(?:\.\d+)?)\s*([a-zµ]*)$/.exec(value);
  if (!shape || !Object.hasOwn(units, shape[3])) {
    throw new Error(`${name}:${value} is not understood: write as ${example}`);
  }
  return compare(shape[1] || ">=", Number(shape[2]) * units[shape[3]], field, () => true);
}

function compare(operator, bound, field, applies) {
  const tests = {
    ">": (v) => v > bound, ">=": (v) => v >= bound, "<": (v) => v < bound, "<=": (v) => v <= bound, "=": (v) => v === bound,
  };
  return (row) => applies(row) && tests[operator](field(row));
}
