// A row of tabs, as the ARIA pattern wants them: arrows move, one is in the tab order.
import { html } from "./html.js";

/** tabs are {id, label}; select is called with an id. */
export function Tabs({ label, tabs, selected, select }) {
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex((tab) => tab.id === selected) + step;
    if (!tabs[at]) return;
    select(tabs[at].id);
    event.currentTarget.children[at].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${key}>
    ${tabs.map((tab) => html`<button role="tab" key=${tab.id} aria-selected=${tab.id === selected} tabindex=${tab.id === selected ? 0 : -1}
      onClick=${() => select(tab.id)}>${tab.label}</button>`)}
  </div>`;
}
