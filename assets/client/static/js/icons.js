// The few icons of the page: 16 × 16, drawn in the colour of the text beside them.
import { html } from "./html.js";

const PATHS = {
  replay: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v2.9h-2.9",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3 5 8l5 5",
  pin: "M6 2h4l-.5 4.2L12 8.5H4l2.5-2.3zM8 8.5V14",
  help: "M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 12.2v.3",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  light: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7",
  dark: "M13 9.6A5.4 5.4 0 0 1 6.4 3a5.4 5.4 0 1 0 6.6 6.6z",
  copy: "M5.5 5.5h7v8h-7zM3.5 10.5v-8h7",
  eye: "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.3a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.4 10.4l3.3 3.3",
  in: "M8 13V4M4.5 7.5 8 4l3.5 3.5", // up to the service, as requests go
  out: "M8 3v9M4.5 8.5 8 12l3.5-3.5",
};

/** An icon by its name. */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
