// Templates: htm bound to Preact. Interpolated values reach the document as text or
// properties, never as markup.
import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
