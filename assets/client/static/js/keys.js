// The keyboard.
import { useEffect } from "../vendor/preact-hooks.js";

/** Whether a key goes to a field that is being written in. */
const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable]");

/** Listens to the keys that help.js names. */
export function useKeys(model, page, filterBox, replay) {
  useEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") escape(event, page, filterBox);
      else if (!isTyping(event.target) && press(event, model, page, filterBox, replay)) event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** Goes one step back: out of a field, an overlay, an editor, the exchange. */
function escape(event, { now: { overlay, view, selected }, setOverlay, setView, select }, filterBox) {
  if (overlay) setOverlay(null);
  else if (event.target === filterBox.current) event.target.blur();
  else if (view.name === "edit") setView({ name: "exchange" });
  else if (isTyping(event.target)) event.target.blur();
  else if (selected) select(null);
}

/** Does what a key stands for and says whether it stands for anything. */
function press(event, model, { now: { overlay, selected, view }, setOverlay, select, setView }, filterBox, replay) {
  switch (event.key) {
    case "?":
      setOverlay(overlay === "help" ? null : "help");
      return true;
    case "/":
      setOverlay(null);
      filterBox.current.focus();
      filterBox.current.select();
      return true;
  }
  if (overlay || view.name === "edit") return false;
  switch (event.key) {
    case "j":
    case "ArrowDown":
      return move(event, model, selected, select, +1);
    case "k":
    case "ArrowUp":
      return move(event, model, selected, select, -1);
    case "Enter":
      if (event.target.closest?.("button, a, summary")) return false;
      if (!selected) return move(event, model, selected, select, +1);
      document.querySelector(".panel [role=tab][aria-selected=true]")?.focus();
      return true;
    case "r":
      if (selected) replay(selected);
      return Boolean(selected);
    case "e":
      if (["http", "events"].includes(model.rows.get(selected)?.kind)) setView({ name: "edit" });
      return Boolean(selected);
    case "d":
      if (model.rows.get(selected)?.replay_of) setView({ name: "diff" });
      return true;
  }
  return false;
}

/** Selects the row after or before; arrows scroll when the focus is in the panel. */
function move(event, model, selected, select, step) {
  if (event.key.startsWith("Arrow") && event.target.closest?.(".panel")) return false;
  const rows = model.visible();
  if (!rows.length) return true;
  const at = rows.findIndex((row) => row.id === selected);
  const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
  select(rows[next].id);
  return true;
}
