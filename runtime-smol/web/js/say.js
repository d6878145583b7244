// What is told to people: to all on the page for a while, and to those who listen instead of looking.
import { $, button, el, icon } from "./dom.js";
import { t } from "./i18n.js";

const SHOWN_MS = 9_000;
const MOST = 3;

/**
 * Reads it out. While the dialog is open everything behind it is silent, so the dialog has a place of its own.
 * @param {string} words
 */
export function announce(words) {
  const place = $(/** @type {HTMLDialogElement} */ ($("offer")).open ? "offer-say" : "say");
  // The same words twice are news twice.
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = words; });
}

/**
 * Shows and reads it.
 * @param {string} words
 * @param {"good"|"bad"|"plain"} tone
 */
export function toast(words, tone = "plain") {
  const box = $("toasts");
  const close = el("button", { type: "button", class: "plain", "aria-label": t("close") }, icon("close"));
  const made = el("div", { class: "toast " + tone, role: tone === "bad" ? "alert" : "status" }, el("span", {}, words), close);
  box.append(made);
  while (box.children.length > MOST) box.firstElementChild?.remove();
  let timer = setTimeout(() => made.remove(), SHOWN_MS);
  made.addEventListener("pointerenter", () => clearTimeout(timer));
  made.addEventListener("pointerleave", () => { timer = setTimeout(() => made.remove(), SHOWN_MS / 2); });
  close.addEventListener("click", () => made.remove());
}

/**
 * A button that is busy stays where it is and takes no second click.
 * @param {string} id
 * @param {boolean} busy
 */
export function setBusy(id, busy) {
  button(id).disabled = busy;
  $(id).setAttribute("aria-busy", String(busy));
}
