// Open previews: the dialog, the countdown, the answer. What is true is what the daemon says; the page only asks, and shows.
import { $, button, el, icon, text } from "./dom.js";
import * as api from "./api.js";
import * as alarm from "./alarm.js";
import { on, tell } from "./bus.js";
import { aria, hits, parse } from "./hotkeys.js";
import { number, pick, t } from "./i18n.js";
import { announce, toast } from "./say.js";

/** @typedef {import("./types.js").Offer} Offer */
/** @typedef {import("./types.js").Ui} Ui */
/**
 * @typedef {object} Open
 * @property {Offer} offer
 * @property {number} endsAt on the scale of performance.now(): a clock set anew changes nothing
 * @property {number} lengthMs
 * @property {"accept"|"reject"|null} asked what the worker has answered, while the daemon has not confirmed it
 * @property {number} told seconds left when that was read out last
 */

const TICK_MS = 200;
/** Below so many seconds the ring changes its colour. */
const URGENT_S = 5;
/** An offer the daemon does not end itself, because the connection is lost, stays this long after its time. */
const AFTER_MS = 2500;
const AGAIN_MS = 700;

const dialog = /** @type {HTMLDialogElement} */ ($("offer"));
/** @type {Map<string, Open>} */
const open = new Map();
/** Offers that ended a moment ago: a late click is told once.
 * @type {Map<string, string>} */
const over = new Map();
/** @type {string|null} */
let shown = null;
let ticking = 0;
let linked = true;
let more = false;
/** @type {Ui|null} */
let ui = null;
/** @type {Record<"accept"|"reject"|"help", import("./hotkeys.js").Hotkey|null>} */
const keys = { accept: null, reject: null, help: null };
/** @type {(open: Offer, outcome: string) => void} */
let remember = () => {};

/**
 * @param {Ui} settings
 * @param {(offer: Offer, outcome: string) => void} recall told of every preview that ended here
 */
export function use(settings, recall) {
  ui = settings;
  remember = recall;
  keys.accept = parse(ui.hotkeys.accept);
  keys.reject = parse(ui.hotkeys.reject);
  keys.help = ui.help?.url ? parse(ui.hotkeys.help) : null;
  const help = /** @type {HTMLAnchorElement} */ ($("help-preview"));
  help.hidden = !(ui.help?.url && ui.help.preview);
  if (ui.help?.url) help.href = ui.help.url;
}

/** Everything is taken down: the session is over. */
export function clear() {
  for (const id of [...open.keys()]) remove(id);
}

/** @param {string} media */
export const mediaIcon = (media) => ({ voice: "voice", call: "voice", callback: "voice", chat: "chat", im: "chat", sms: "chat", email: "email" })[media.toLowerCase()] ?? "other";

/** @param {string} media */
export function mediaName(media) {
  const key = "media." + media.toLowerCase();
  const name = t(key);
  return name === key ? media || t("media.other") : name;
}

on("offer", (offer) => {
  const id = String(offer.offer);
  const before = open.get(id);
  const endsAt = performance.now() + (offer.ends - offer.now);
  if (before) {
    before.endsAt = endsAt;
    return;
  }
  open.set(id, { offer, endsAt, lengthMs: Math.max(offer.ends - offer.offered, 1), asked: null, told: Infinity });
  tell("ringing", { on: true });
  const what = t("offer.title", { media: mediaName(offer.media) });
  const seconds = Math.max(0, Math.round((endsAt - performance.now()) / 1000));
  if (!shown) show(id);
  else tabs();
  announce(what + ". " + t("seconds", { n: seconds }) + ". " + rows(offer).known.map(([label, value]) => label + ": " + value).join(", "));
  void alarm.ring(id, what, rows(offer).known.slice(0, 3).map(([label, value]) => label + ": " + value).join("\n"));
});

on("ended", ({ offer, outcome }) => end(String(offer), outcome));
on("late", ({ offer }) => {
  const id = String(offer);
  if (open.has(id)) end(id, "late");
  else if (over.get(id) === "told") over.delete(id);
  else toast(t("outcome.late"), "bad");
});
on("sync", ({ offers }) => {
  const still = new Set(offers.map(String));
  for (const id of [...open.keys()]) if (!still.has(id)) end(id, "gone");
  // An answer that may have been lost on its way is given again: the daemon takes it once.
  for (const [id, one] of open) if (one.asked) void answer(id, one.asked);
});
on("link", (news) => {
  linked = news.up;
  if (!news.wait) $("offer-lost").hidden = news.up;
});
on("sound", (news) => { $("offer-sound").hidden = !news.blocked; });
on("language", () => { if (shown) show(shown); });

/**
 * @param {string} id
 * @param {string} outcome
 */
function end(id, outcome) {
  const was = open.get(id);
  if (!was) return;
  remove(id);
  const tooLate = was.asked === "accept" && outcome !== "accepted";
  if (tooLate) {
    over.set(id, "told");
    if (over.size > 20) over.delete([...over.keys()][0] ?? "");
  }
  const tone = outcome === "accepted" ? "good" : tooLate ? "bad" : "plain";
  const key = "outcome." + outcome;
  const sentence = t(key, { dn: "\u2066" + was.offer.dn + "\u2069" });
  const words = sentence === key ? t("outcome.gone") : sentence;
  if (outcome !== "rejected") toast(tooLate && outcome !== "late" ? t("late") + " " + words : words, tone);
  else announce(words);
  remember(was.offer, outcome);
}

/** @param {string} id */
function remove(id) {
  open.delete(id);
  alarm.quiet(id);
  if (shown === id) show([...open.keys()][0] ?? null);
  else tabs();
  if (!open.size) tell("ringing", { on: false });
}

/**
 * The fields of a preview with their labels, in the administrator's order; then those nobody gave a label.
 * @param {Offer} offer
 */
function rows(offer) {
  const fields = ui?.fields ?? [];
  /** @type {[string, string][]} */
  const known = fields.flatMap(({ key, label }) => offer.data.filter(([k]) => k === key).map(([, v]) => /** @type {[string, string]} */ ([pick(label) || key, v])));
  const others = offer.data.filter(([k]) => !fields.some(({ key }) => key === k));
  // Without configured fields everything is shown as it came.
  return fields.length ? { known, others: ui?.hideOther ? [] : others } : { known: offer.data, others: [] };
}

/** @param {[string, string][]} pairs */
function list(pairs) {
  return el("dl", {}, ...pairs.map(([label, value]) => el("div", {}, el("dt", { dir: "auto" }, label), el("dd", { dir: "auto" }, value || "–"))));
}

/** @param {string|null} id */
function show(id) {
  shown = id;
  const one = id === null ? undefined : open.get(id);
  if (!one) {
    clearInterval(ticking);
    ticking = 0;
    if (dialog.open) dialog.close();
    return;
  }
  const { offer } = one;
  $("offer-icon").replaceChildren(icon(mediaIcon(offer.media)));
  text($("offer-title"), mediaName(offer.media));
  text($("offer-sub"), [t("offer.to", { dn: "\u2066" + offer.dn + "\u2069" }), offer.broadcast ? t("offer.broadcast") : ""].filter(Boolean).join(" "));
  const { known, others } = rows(offer);
  const data = $("offer-data");
  data.replaceChildren(known.length ? list(known) : el("p", { class: "calm" }, t("offer.nodata")));
  if (others.length) {
    const rest = el("details", {}, el("summary", {}, t("offer.more", { n: others.length })), list(others));
    rest.toggleAttribute("open", more);
    rest.addEventListener("toggle", () => { more = rest.hasAttribute("open"); });
    data.append(rest);
  }
  data.scrollTop = 0;
  tabs();
  buttons();
  if (!dialog.open) {
    dialog.showModal();
    // Not on a button: whoever is typing must not answer by accident. Tab leads to the answers.
    $("offer-title").focus();
  }
  if (!ticking) ticking = setInterval(tick, TICK_MS);
  tick();
}

/** More than one preview at once: which is looked at. */
function tabs() {
  const box = $("offer-tabs");
  box.hidden = open.size < 2;
  if (open.size < 2) return;
  box.replaceChildren(...[...open].map(([id, one], nth) => {
    const made = el("button", { type: "button", class: "small", "aria-pressed": String(id === shown) }, t("offer.nth", { n: nth + 1, media: mediaName(one.offer.media) }));
    made.addEventListener("click", () => show(id));
    return made;
  }));
}

function buttons() {
  const asked = shown === null ? null : open.get(shown)?.asked ?? null;
  for (const what of /** @type {const} */ (["accept", "reject"])) {
    text($(what + "-text"), t("offer." + what + (asked === what ? ".wait" : "")));
    button(what).disabled = asked !== null;
    button(what).setAttribute("aria-busy", String(asked === what));
    shortcut(what, what);
  }
  shortcut("help-preview", "help");
}

/**
 * @param {string} id
 * @param {"accept"|"reject"|"help"} what
 */
function shortcut(id, what) {
  const hotkey = keys[what];
  text($(what + "-key"), hotkey ? ui?.hotkeys[what] ?? "" : "");
  $(what + "-key").hidden = !hotkey;
  if (hotkey) $(id).setAttribute("aria-keyshortcuts", aria(hotkey));
  else $(id).removeAttribute("aria-keyshortcuts");
}

function tick() {
  const now = performance.now();
  for (const [id, one] of open) {
    if (now > one.endsAt + AFTER_MS && !linked) end(id, "timeout");
  }
  const one = shown === null ? undefined : open.get(shown);
  if (!one) return;
  const left = Math.max(0, one.endsAt - now);
  const seconds = Math.ceil(left / 1000);
  text($("ring-number"), number(seconds));
  $("ring-number").setAttribute("aria-label", t("seconds", { n: seconds }));
  $("ring-left").setAttribute("stroke-dashoffset", String(100 - Math.min(100, left / one.lengthMs * 100)));
  $("ring").classList.toggle("urgent", seconds <= URGENT_S);
  // Listeners hear it twice, not every second.
  for (const mark of [10, URGENT_S]) {
    if (seconds <= mark && one.told > mark && one.lengthMs > mark * 1000 + 1000) {
      one.told = mark;
      announce(t("left", { n: seconds }));
    }
  }
}

/**
 * Gives an answer until the daemon has it, or the preview is over.
 * @param {string} id
 * @param {"accept"|"reject"} what
 */
async function answer(id, what) {
  const one = open.get(id);
  if (!one) return;
  one.asked = what;
  if (shown === id) buttons();
  try {
    await api.answer(one.offer.offer, what);
  } catch (error) {
    if (!open.has(id)) return;
    const refused = error instanceof api.Refused ? error : null;
    if (refused?.code === "too-late" || refused?.status === 404 || refused?.status === 409) end(id, "late");
    else if (!refused?.status || refused.status === 429 || refused.status >= 500) {
      // With the connection lost the next one repeats it (see "sync").
      if (linked) setTimeout(() => void answer(id, what), Math.max(AGAIN_MS, (refused?.retryS ?? 0) * 1000));
    } else if (refused.status !== 401) {
      one.asked = null;
      if (shown === id) buttons();
      announce(t("failed"));
    }
  }
}

/** @param {"accept"|"reject"} what */
function answerShown(what) {
  if (shown !== null && !open.get(shown)?.asked) void answer(shown, what);
}

button("accept").addEventListener("click", () => answerShown("accept"));
button("reject").addEventListener("click", () => answerShown("reject"));
// Escape neither answers nor hides a preview.
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => { if (shown !== null && open.has(shown)) dialog.showModal(); });
addEventListener("keydown", (event) => {
  if (!dialog.open || event.repeat) return;
  const what = hits(keys.accept, event) ? "accept" : hits(keys.reject, event) ? "reject" : hits(keys.help, event) ? "help" : null;
  if (!what) return;
  event.preventDefault();
  if (what === "help") window.open(ui?.help?.url ?? "", "_blank", "noopener");
  else answerShown(what);
});
