/** Asks for the token that the agent demands of whoever calls from elsewhere. */

import { h } from "./dom";

export function tokenDialog(onToken: (token: string) => void): HTMLDialogElement {
  const field = h("input", { type: "password", id: "token", autocomplete: "off", required: true });
  const take = () => {
    if (field.value === "") return;
    onToken(field.value);
    field.value = "";
  };
  return h(
    "dialog",
    { "aria-labelledby": "token-title" },
    h("h2", { id: "token-title" }, "This agent demands a token"),
    h("p", {}, "It is kept until this tab is closed, and sent to this agent only."),
    h("form", { method: "dialog", onsubmit: take }, h("label", {}, "Token ", field), " ", h("button", { type: "submit" }, "Go on")),
  );
}
