// Names with values: headers, parameters, forms.
import { html } from "./html.js";
import { copyText } from "./clipboard.js";

/** fields are {name, value, secret}. A click on a name copies its value. */
export function Fields({ fields }) {
  return html`<table class="fields"><tbody>${fields.map((field) => html`<tr class=${field.secret ? "secret" : ""}>
    <th scope="row"><button title="Copy the value" onClick=${() => copyText(field.value, field.name)}>${field.name}</button></th>
    <td>${field.value}</td></tr>`)}</tbody></table>`;
}
