// Starts the page.
import { render } from "../vendor/preact.js";
import { html } from "./html.js";
import { App } from "./app.js";
import { Feed } from "./feed.js";
import { Model } from "./model.js";
import { applyTheme, recall } from "./prefs.js";

applyTheme(recall("theme", "auto"));
const model = new Model();
const feed = new Feed({
  changes: (message) => model.applyChanges(message),
  state: (state) => model.setState(state),
  connected: (connected) => model.setConnected(connected),
});
feed.connect();
render(html`<${App} model=${model} />`, document.getElementById("app"));
