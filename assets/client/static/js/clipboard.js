// Copying text. Pages that are not on a secure origin (an inspector bound to another
// address than loopback) have no clipboard API, hence the old way as well.
import { notify, notifyProblem } from "./toast.js";

export async function copyText(text, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyOldWay(text);
    notify(`Copied ${what}`);
  } catch {
    notifyProblem(new Error(`The browser did not allow to copy ${what}`));
  }
}

function copyOldWay(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}
