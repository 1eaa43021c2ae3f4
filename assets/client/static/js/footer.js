// The line at the bottom: how much there is, and whether it is live.
import { html } from "./html.js";
import { formatCount, formatMemory } from "./format.js";

export function Footer({ model }) {
  const { state, order, applied } = model;
  const shown = applied.text ? `${formatCount(model.visible().length)} of ` : "";
  const usage = state?.usage;
  return html`<footer class="footer">
    <span>${shown}${formatCount(order.length)} request${order.length === 1 ? "" : "s"}</span>
    ${usage && html`<span title="Memory for exchanges; the oldest go first when it is full">${formatMemory(usage.bytes)} of ${formatMemory(usage.budget)}</span>`}
    ${usage?.evicted > 0 && html`<span>${formatCount(usage.evicted)} made room</span>`}
    ${state && !state.capture && html`<span class="warning">capture is off (inspect_db_size: -1)</span>`}
    ${state && !state.local && html`<span class="warning">reachable from other machines, unencrypted</span>`}
    <span class="space"></span>
    ${model.connected === false
      ? html`<span class="warning">connection lost, trying again …</span>`
      : html`<span>${state ? `ngrok ${state.version}` : "connecting …"}</span>`}
  </footer>`;
}
