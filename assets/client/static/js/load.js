// Loading of what the selected exchange needs.
import { useEffect, useState } from "../vendor/preact-hooks.js";

/**
 * Loads something anew whenever one of deps changes: {value, error}. The value before
 * stays until the next one is there, unless the first of deps changed.
 */
export function useLoad(load, deps) {
  const [loaded, setLoaded] = useState({ deps: [] });
  useEffect(() => {
    const abort = new AbortController();
    load(abort.signal).then(
      (value) => abort.signal.aborted || setLoaded({ value, deps }),
      (error) => abort.signal.aborted || setLoaded({ error, deps }),
    );
    return () => abort.abort();
  }, deps);
  return loaded.deps[0] === deps[0] ? loaded : {};
}

/** Returns a value that follows another one, at most every pause ms. */
export function useCalm(value, pause) {
  const [calm, setCalm] = useState(value);
  useEffect(() => {
    if (calm === value) return undefined;
    const timer = setTimeout(() => setCalm(value), pause);
    return () => clearTimeout(timer);
  }, [value, calm]);
  return calm;
}
