// The worker's own panel: status, channels, the last previews, sound and notifications.
import { $, button, el, icon, input, text } from "./dom.js";
import * as alarm from "./alarm.js";
import * as api from "./api.js";
import { on } from "./bus.js";
import { current, pick, t } from "./i18n.js";
import { mediaIcon, mediaName } from "./offer.js";
import { setBusy, toast } from "./say.js";
import { iconOf, onOffer, textOf, toneOf } from "./states.js";

/** @typedef {import("./types.js").WorkerState} WorkerState */

const RECENT_MAX = 6;

/** @type {WorkerState|null} */
let state = null;
/** @type {{follow: boolean, logout: boolean}} */
let may = { follow: false, logout: false };
/** @type {{offer: import("./types.js").Offer, outcome: string, at: Date}[]} */
let recent = [];

/** @param {import("./types.js").Ui} ui */
export function use(ui) {
  may = { follow: Boolean(ui.follow), logout: ui.logout };
  state = null;
  recent = [];
  const help = /** @type {HTMLAnchorElement} */ ($("help-main"));
  help.hidden = !(ui.help?.url && ui.help.main);
  if (ui.help?.url) help.href = ui.help.url;
  input("sound").checked = alarm.soundWanted();
  $("sound-row").hidden = !alarm.hasSound();
  notifications();
  show();
}

/**
 * @param {import("./types.js").Offer} offer
 * @param {string} outcome
 */
export function remember(offer, outcome) {
  recent = [{ offer, outcome, at: new Date() }, ...recent].slice(0, RECENT_MAX);
  history();
}

on("state", (news) => { state = news; show(); });
on("language", show);

function show() {
  const shown = state?.shown ?? "unknown";
  const words = state ? textOf(shown) : t("status.wait");
  $("status-icon").replaceChildren(iconOf(shown));
  text($("status-text"), words);
  const presence = state?.presence;
  const note = [presence?.class && presence.class !== "unknown" ? t("presence", { name: presenceName(presence.class) }) : "", presence?.note ?? ""].filter(Boolean).join(" · ");
  text($("status-note"), note);
  $("status-note").hidden = !note;
  button("status-button").disabled = !state;
  alarm.setTitle(words + " – UC Connector");
  channels();
  history();
  if (!$("status-menu").hidden) fill();
}

/** @param {string} name */
function presenceName(name) {
  const key = "presence." + name;
  const found = t(key);
  return found === key ? name : found;
}

function channels() {
  const dns = state?.dns ?? [];
  const rows = dns.map((dn) => {
    const flags = [];
    if (dn.flags.includes("stranger")) flags.push(el("span", { class: "flag" }, icon("warn"), el("span", {}, t("channels.away"))));
    if (dn.flags.includes("seat")) flags.push(el("span", { class: "flag" }, t("channels.dynamic")));
    if (dn.flags.includes("in-flight")) flags.push(el("span", { class: "flag" }, t("channels.wait")));
    return el("li", {}, el("span", { class: "what" }, el("bdi", { class: "dn" }, dn.dn), el("bdi", { class: "weak" }, dn.switch)),
      el("span", { class: "tag " + toneOf(dn.state) }, iconOf(dn.state), textOf(dn.state)), ...flags);
  });
  $("channels").replaceChildren(...(rows.length ? rows : [el("li", { class: "calm" }, t(state ? "channels.none" : "status.wait"))]));
}

function history() {
  $("recent-none").hidden = recent.length > 0;
  $("recent").hidden = recent.length === 0;
  $("recent").replaceChildren(...recent.map(({ offer, outcome, at }) => {
    const time = new Intl.DateTimeFormat(current(), { hour: "2-digit", minute: "2-digit" }).format(at);
    const first = offer.data[0]?.[1] ?? "";
    return el("li", {}, el("span", { class: "what" }, icon(mediaIcon(offer.media), "medium"), el("span", {}, mediaName(offer.media)), el("bdi", { class: "weak cut" }, first)),
      el("span", { class: "tag " + (outcome === "accepted" ? "ready" : outcome === "timeout" || outcome === "late" ? "notready" : "out") }, t("short." + outcome)),
      el("time", { class: "weak" }, time));
  }));
}

// The drop-down: a menu as screen readers know it.
const menu = $("status-menu");
const opener = button("status-button");

function fill() {
  const chosen = state?.choice;
  /** @type {[string, string, Element][]} */
  const entries = onOffer().map((row) => [row.id, pick(row.text), iconOf(row.id)]);
  if (may.follow) entries.push(["follow", t("state.follow"), icon("away", "tone")]);
  if (may.logout) entries.push(["logged-out", t("state.logout"), icon("logout", "tone")]);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.state : undefined;
  menu.replaceChildren(...entries.map(([id, words, drawn]) => {
    const checked = id === chosen || (id === "follow" && chosen === null);
    const item = el("li", { role: "menuitemradio", tabindex: -1, "aria-checked": String(checked), "data-state": id }, drawn, el("span", {}, words), checked ? icon("check", "end") : "");
    item.addEventListener("click", () => void choose(id));
    return item;
  }));
  if (focused) items().find((item) => item.dataset.state === focused)?.focus();
}

/** @returns {HTMLElement[]} */
const items = () => /** @type {HTMLElement[]} */ ([...menu.children]);

/** @param {boolean} last */
function openMenu(last) {
  menu.hidden = false;
  opener.setAttribute("aria-expanded", "true");
  fill();
  const all = items();
  (last ? all.at(-1) : all.find((item) => item.getAttribute("aria-checked") === "true") ?? all[0])?.focus();
}

/** @param {boolean} back whether the focus goes back to the button */
function closeMenu(back) {
  if (menu.hidden) return;
  menu.hidden = true;
  opener.setAttribute("aria-expanded", "false");
  if (back) opener.focus();
}

/** @param {string} id */
async function choose(id) {
  closeMenu(true);
  setBusy("status-button", true);
  try {
    await api.setState(id);
  } catch (error) {
    const refused = error instanceof api.Refused && error.status === 409;
    toast(t(refused ? "status.notnow" : "failed"), "bad");
  }
  setBusy("status-button", false);
  opener.focus();
}

opener.addEventListener("click", () => (menu.hidden ? openMenu(false) : closeMenu(true)));
opener.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  openMenu(event.key === "ArrowUp");
});
menu.addEventListener("keydown", (event) => {
  const all = items();
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  /** @type {Record<string, number>} */
  const goes = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, Home: 0, End: all.length - 1 };
  if (event.key in goes) all[goes[event.key] ?? 0]?.focus();
  else if (event.key === "Enter" || event.key === " ") all[at]?.click();
  else if (event.key === "Escape") closeMenu(true);
  else if (event.key === "Tab") return closeMenu(false);
  else if (event.key.length === 1) {
    const starts = (/** @type {HTMLElement} */ item) => (item.textContent ?? "").trim().toLocaleLowerCase(current()).startsWith(event.key.toLocaleLowerCase(current()));
    [...all.slice(at + 1), ...all.slice(0, at + 1)].find(starts)?.focus();
  } else return;
  event.preventDefault();
});
addEventListener("pointerdown", (event) => {
  if (event.target instanceof Element && !event.target.closest(".menu")) closeMenu(false);
});

// Sound and notifications.
input("sound").addEventListener("change", () => alarm.wantSound(input("sound").checked));
button("sound-test").addEventListener("click", () => void alarm.play());
button("sound-unblock").addEventListener("click", () => void alarm.play());
on("sound", (news) => { $("hint-sound").hidden = !news.blocked; });

function notifications() {
  const permission = alarm.notifications();
  $("notify-row").hidden = permission === "none" || permission === "denied";
  $("notify-denied").hidden = permission !== "denied";
  input("notify").checked = permission === "granted" && alarm.notifyWanted();
}

input("notify").addEventListener("change", async () => {
  alarm.wantNotify(input("notify").checked);
  if (input("notify").checked) await alarm.askNotifications();
  notifications();
});
