// What calls the worker: sound, a browser notification while the window is hidden, the flashing title.
import { keep } from "./dom.js";
import { on, tell } from "./bus.js";
import { t } from "./i18n.js";
import { mayRing } from "./windows.js";

const FLASH_MS = 1000;

/** @type {HTMLAudioElement|null} */
let audio = null;
let wanted = keep.get("sound") !== "off";
let blocked = false;
let title = document.title;
let mark = "";
let flashing = 0;
/** @type {Map<string, Notification>} */
const shown = new Map();

/**
 * The administrator's sound, our chime, or none at all.
 * @param {string|null} url
 */
export function use(url) {
  audio = url === null ? null : new Audio(url === "/chime.wav" ? "/chime.wav" : url);
  if (audio) audio.preload = "auto";
  void probe();
}

/** Whether there is a sound. */
export const hasSound = () => audio !== null;

/** Whether the worker wants to hear previews. */
export const soundWanted = () => wanted;

/** @param {boolean} yes */
export function wantSound(yes) {
  wanted = yes;
  keep.set("sound", yes ? null : "off");
  if (yes) void probe();
  else settle(false);
}

/** Plays once. Browsers refuse until the worker has clicked or typed in this window; then a hint is shown. */
export async function play() {
  if (!wanted || !audio) return;
  try {
    audio.currentTime = 0;
    audio.volume = 1;
    await audio.play();
    settle(false);
  } catch (error) {
    settle(error instanceof DOMException && error.name === "NotAllowedError");
  }
}

/** Whether sound would be refused now, found out without a sound. */
async function probe() {
  const mine = audio;
  if (!wanted || !mine || !mine.paused) return;
  mine.volume = 0;
  try {
    await mine.play();
    // A preview may have come in between.
    if (mine.volume === 0) mine.pause();
    settle(false);
  } catch (error) {
    settle(error instanceof DOMException && error.name === "NotAllowedError");
  }
}

/** @param {boolean} now */
function settle(now) {
  blocked = now;
  tell("sound", { blocked });
}

for (const gesture of ["pointerup", "keyup"]) addEventListener(gesture, () => { if (blocked) void probe(); });

/** "granted", "denied", "default", or "none" where there are none. */
export const notifications = () => (typeof Notification === "function" && isSecureContext ? Notification.permission : "none");

/** Whether the worker wants them; the browser has a say, too. */
export const notifyWanted = () => keep.get("notify") !== "off";

/** @param {boolean} yes */
export const wantNotify = (yes) => keep.set("notify", yes ? null : "off");

/** To be called by a click: browsers only ask then. */
export async function askNotifications() {
  if (notifications() === "default") await Notification.requestPermission();
}

/**
 * A preview begins.
 * @param {string} offer
 * @param {string} what
 * @param {string} detail
 */
export async function ring(offer, what, detail) {
  if (!await mayRing(offer)) return;
  void play();
  if (!document.hidden || notifications() !== "granted" || !notifyWanted()) return;
  try {
    const note = new Notification(what, { body: detail, tag: "uc-offer-" + offer, requireInteraction: true, icon: "/icon-ring.svg" });
    note.onclick = () => { focus(); note.close(); };
    shown.set(offer, note);
  } catch { /* some browsers allow them to service workers only */ }
}

/**
 * A preview is over.
 * @param {string} offer
 */
export function quiet(offer) {
  shown.get(offer)?.close();
  shown.delete(offer);
}

/** @param {string} words */
export function setTitle(words) {
  title = words;
  show();
}

/** @param {string} words before the title: the connection is lost */
export function setMark(words) {
  mark = words;
  show();
}

let odd = false;
function show() {
  document.title = flashing && odd ? "● " + t("title.ringing") : (mark ? mark + " " : "") + title;
}

on("ringing", (news) => {
  if (news.on === Boolean(flashing)) return;
  clearInterval(flashing);
  odd = news.on;
  flashing = news.on ? setInterval(() => { odd = !odd; show(); }, FLASH_MS) : 0;
  document.querySelector("link[rel=icon]")?.setAttribute("href", news.on ? "/icon-ring.svg" : "/icon.svg");
  show();
});
