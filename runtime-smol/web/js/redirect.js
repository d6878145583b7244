// The external number at which the worker takes previewed calls.
import { $, button, input, text } from "./dom.js";
import * as api from "./api.js";
import { on } from "./bus.js";
import { t } from "./i18n.js";
import { toast } from "./say.js";

/** @typedef {import("./types.js").Redirect} Redirect */

/** @type {Redirect|null} */
let known = null;
/** The worker is writing: news do not overwrite it. */
let touched = false;

/** @param {Redirect|null} redirect */
export function use(redirect) {
  known = redirect;
  touched = false;
  show();
}

function show() {
  const fixed = Boolean(known && !known.allowed && known.enabled && known.number);
  $("redirect").hidden = !known || (!known.allowed && !fixed);
  $("redirect-form").hidden = !known?.allowed;
  $("redirect-fixed").hidden = !fixed;
  if (!known) return;
  if (fixed) text($("redirect-fixed"), t("redirect.fixed", { number: "\u2066" + known.number + "\u2069" }));
  if (!touched) {
    input("redirect-on").checked = known.enabled;
    input("redirect-number").value = known.number;
    complain("");
  }
  fields();
}

function fields() {
  const number = input("redirect-number").value.trim();
  $("redirect-fields").hidden = !input("redirect-on").checked;
  button("redirect-save").disabled = Boolean(known?.enabled && number === known.number);
}

/** @param {string} words */
function complain(words) {
  text($("redirect-error"), words);
  input("redirect-number").setAttribute("aria-invalid", String(words !== ""));
}

/** @param {string} number */
function fits(number) {
  try {
    return new RegExp("^(?:" + (known?.pattern || ".+") + ")$", "u").test(number);
  } catch { return true; /* the daemon decides */ }
}

/** @param {boolean} enabled */
async function save(enabled) {
  const number = input("redirect-number").value.trim();
  if (enabled && !number) return complain(t("redirect.empty"));
  if (enabled && !fits(number)) return complain(t("redirect.bad"));
  complain("");
  try {
    await api.setRedirect(enabled || fits(number) ? number : "", enabled);
    if (known) known = { ...known, number, enabled };
    touched = false;
    toast(t(enabled ? "redirect.saved" : "redirect.off", { number: "\u2066" + number + "\u2069" }), "good");
    show();
  } catch (error) {
    const code = error instanceof api.Refused ? error.code : "";
    complain(code === "bad-number" ? t("redirect.bad") : t("failed"));
  }
}

$("redirect-form").addEventListener("submit", (event) => { event.preventDefault(); void save(true); });
input("redirect-number").addEventListener("input", () => { touched = true; complain(""); fields(); });
input("redirect-on").addEventListener("change", () => {
  const wanted = input("redirect-on").checked;
  touched = wanted;
  fields();
  if (wanted && !input("redirect-number").value.trim()) input("redirect-number").focus();
  else void save(wanted);
});
on("redirect", (news) => {
  if (known) known = { ...known, ...news };
  show();
});
on("language", show);
