// The supervisor's page: who is here and what rings, now; what became of the previews, by worker and hour.
import { $, el, icon, keep, select, text } from "./dom.js";
import * as api from "./api.js";
import { on } from "./bus.js";
import { bars } from "./charts.js";
import { current, number, t } from "./i18n.js";
import { mediaIcon, mediaName } from "./offer.js";
import { iconOf, textOf } from "./states.js";

/** @typedef {import("./types.js").Counts} Counts */
/** @typedef {import("./types.js").BoardWorker} BoardWorker */

const BOARD_MS = 2000;
const HISTORY_MS = 30_000;
const HOUR_MS = 3_600_000;
const OUTCOMES = /** @type {const} */ (["accepted", "rejected", "timeout", "other"]);
const PERIODS = [1, 8, 24, 168];
const ROWS_MAX = 200;

let running = false;
let boardTimer = 0;
let historyTimer = 0;
let hours = PERIODS.find((hours) => String(hours) === keep.get("hours")) ?? 8;
let worker = "";
/** Which answer is the newest: an older one that comes late is not shown. */
let asked = 0;
/** @type {import("./types.js").Board|null} */
let board = null;
/** @type {import("./types.js").History|null} */
let past = null;

/** Begins to look. */
export function start() {
  if (!running) {
    running = true;
    build();
    void refreshBoard();
    void refreshHistory();
  }
}

/** Stops. */
export function stop() {
  running = false;
  clearTimeout(boardTimer);
  clearTimeout(historyTimer);
}

function build() {
  const period = el("select", { id: "team-period" }, ...PERIODS.map((n) => el("option", { value: n, selected: n === hours }, t("team.hours", { n }))));
  const who = el("select", { id: "team-worker", dir: "auto" }, el("option", { value: "" }, t("team.all")));
  const csv = el("a", { id: "team-csv", class: "small", download: true }, t("team.csv"));
  $("team").replaceChildren(
    el("h1", {}, t("nav.team")),
    el("p", { id: "team-error", class: "error", role: "status" }),
    el("section", { class: "tiles", "aria-label": t("team.today"), id: "team-tiles" }),
    el("section", { class: "card", "aria-labelledby": "team-live-title" }, el("h2", { id: "team-live-title", class: "over" }, t("team.live")),
      el("div", { class: "scroll", id: "team-live", tabindex: 0, role: "group", "aria-labelledby": "team-live-title" })),
    el("div", { class: "filters" }, el("label", {}, el("span", {}, t("team.period")), period), el("label", {}, el("span", {}, t("team.worker")), who), csv),
    el("div", { class: "two" },
      el("section", { class: "card", "aria-labelledby": "team-hours-title" }, el("h2", { id: "team-hours-title", class: "over" }, t("team.perhour")), legend(), el("div", { id: "team-hours" })),
      el("section", { class: "card", "aria-labelledby": "team-times-title" }, el("h2", { id: "team-times-title", class: "over" }, t("team.times")), el("p", { id: "team-median", class: "weak" }), el("div", { id: "team-times" }))),
    el("section", { class: "card", "aria-labelledby": "team-workers-title" }, el("h2", { id: "team-workers-title", class: "over" }, t("team.perworker")),
      el("div", { class: "scroll", id: "team-workers", tabindex: 0, role: "group", "aria-labelledby": "team-workers-title" })),
  );
  period.addEventListener("change", () => {
    hours = Number(select("team-period").value);
    keep.set("hours", String(hours));
    void refreshHistory();
  });
  who.addEventListener("change", () => { worker = select("team-worker").value; drawHistory(); });
}

const legend = () => el("ul", { class: "legend" }, ...OUTCOMES.map((name) => el("li", {}, el("span", { class: "swatch " + name }), t("count." + name))));

async function refreshBoard() {
  clearTimeout(boardTimer);
  if (!running) return;
  if (!document.hidden) {
    try {
      board = await api.board();
      if (running) drawBoard();
      if ($("team-error").textContent === t("team.stale")) text($("team-error"), "");
    } catch {
      if (running) text($("team-error"), t("team.stale"));
    }
  }
  if (running) boardTimer = setTimeout(refreshBoard, BOARD_MS);
}

async function refreshHistory() {
  clearTimeout(historyTimer);
  if (!running) return;
  const mine = ++asked;
  const to = Date.now();
  const from = Math.floor(to / HOUR_MS - hours + 1) * HOUR_MS;
  $("team-csv").setAttribute("href", "/api/history?from=" + from + "&to=" + to + "&format=csv");
  try {
    const got = await api.history(from, to);
    if (running && mine === asked) {
      past = got;
      drawHistory();
    }
  } catch (error) {
    if (running) text($("team-error"), t(error instanceof api.Refused && error.status === 404 ? "team.nohistory" : "team.stale"));
  }
  if (running && mine === asked) historyTimer = setTimeout(refreshHistory, HISTORY_MS);
}

/** @param {Counts[]} all */
const sum = (all) => all.reduce((total, one) => ({
  offered: total.offered + one.offered, accepted: total.accepted + one.accepted, rejected: total.rejected + one.rejected, timeout: total.timeout + one.timeout, other: total.other + one.other,
}), { offered: 0, accepted: 0, rejected: 0, timeout: 0, other: 0 });

/**
 * A table; the first column names the row.
 * @param {string} caption
 * @param {string[]} heads
 * @param {(Node|string)[][]} rows
 * @param {number} numbers how many columns at the end hold numbers
 */
function table(caption, heads, rows, numbers) {
  /** @returns {Record<string, string>} */
  const kind = (/** @type {number} */ nth) => (nth >= heads.length - numbers ? { class: "number" } : {});
  return el("table", {}, el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, ...heads.map((head, nth) => el("th", { scope: "col", ...kind(nth) }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, nth) => el(nth ? "td" : "th", nth ? kind(nth) : { scope: "row" }, cell))))));
}

function drawBoard() {
  if (!board) return;
  const today = sum(board.workers.map((row) => row.today));
  const answered = today.accepted + today.rejected + today.timeout;
  const tiles = [
    ["count.offered", number(today.offered)], ["count.accepted", number(today.accepted)], ["count.rejected", number(today.rejected)], ["count.timeout", number(today.timeout)],
    ["team.rate", answered ? new Intl.NumberFormat(current(), { style: "percent" }).format(today.accepted / answered) : "–"],
  ];
  $("team-tiles").replaceChildren(...tiles.map(([key, value]) => el("div", { class: "tile " + (key ?? "").replace("count.", "") }, el("span", { class: "value" }, value ?? ""), el("span", { class: "weak" }, t(key ?? "")))));
  const now = board.now;
  const ringing = (/** @type {BoardWorker} */ row) => el("span", { class: "ringing" }, ...row.offers.map((offer) =>
    el("span", { class: "call" }, icon(mediaIcon(offer.media), "medium"), mediaName(offer.media) + " · " + t("seconds.short", { n: Math.max(0, Math.round((offer.ends - now) / 1000)) }))));
  // Whoever has a preview first, then those with a page, then by name.
  const compare = new Intl.Collator(current()).compare;
  const sorted = [...board.workers].sort((a, b) => Math.sign(b.offers.length) - Math.sign(a.offers.length) || Math.sign(b.pages) - Math.sign(a.pages) || compare(a.name || a.user, b.name || b.user));
  const heads = [t("team.worker"), t("status.title"), t("team.preview"), t("team.page"), ...["offered", "accepted", "rejected", "timeout"].map((name) => t("count." + name))];
  const rows = sorted.slice(0, ROWS_MAX).map((row) => [
    el("bdi", {}, row.name || row.user), el("span", { class: "stand" }, iconOf(row.shown), textOf(row.shown)), ringing(row), row.pages ? t("team.open") : "–",
    ...[row.today.offered, row.today.accepted, row.today.rejected, row.today.timeout].map(number)]);
  const place = $("team-live");
  const top = place.scrollTop;
  place.replaceChildren(rows.length ? table(t("team.live"), heads, rows, 4) : el("p", { class: "calm" }, t("team.none")));
  place.scrollTop = top;
}

function drawHistory() {
  if (!past) return;
  const everyone = new Map(past.hours.map((row) => [row.user, row.name || row.user]));
  const who = select("team-worker");
  who.replaceChildren(el("option", { value: "" }, t("team.all")), ...[...everyone].map(([id, name]) => el("option", { value: id }, name)));
  who.value = everyone.has(worker) ? worker : "";
  const rows = past.hours.filter((row) => !worker || row.user === worker);
  drawHours(rows);
  drawTimes();
  const heads = [t("team.worker"), ...["offered", ...OUTCOMES].map((name) => t("count." + name))];
  const list = [...everyone].map(([id, name]) => {
    const total = sum(rows.filter((row) => row.user === id));
    return [el("bdi", {}, name), ...[total.offered, ...OUTCOMES.map((outcome) => total[outcome])].map(number)];
  }).filter((_, nth) => !worker || [...everyone.keys()][nth] === worker);
  $("team-workers").replaceChildren(list.length ? table(t("team.perworker"), heads, list, 5) : el("p", { class: "calm" }, t("team.none")));
}

/** @param {import("./types.js").HourRow[]} rows */
function drawHours(rows) {
  if (!past) return;
  const first = Math.floor(past.from / HOUR_MS);
  const count = Math.max(1, Math.ceil(past.to / HOUR_MS) - first);
  // A week is drawn by days of the worker's own calendar.
  const daily = count > 48;
  /** @type {Map<string, Counts>} */
  const slots = new Map();
  const label = new Intl.DateTimeFormat(current(), daily ? { weekday: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const name = (/** @type {number} */ hour) => label.format(hour * HOUR_MS);
  for (let hour = first; hour < first + count; hour++) slots.set(daily ? name(hour) : String(hour), sum([]));
  for (const row of rows) {
    const hour = Math.floor(row.hour / HOUR_MS);
    const key = daily ? name(hour) : String(hour);
    slots.set(key, sum([slots.get(key) ?? sum([]), row]));
  }
  const all = [...slots];
  const labels = all.map(([key]) => (daily ? key : label.format(Number(key) * HOUR_MS)));
  const words = (/** @type {Counts} */ counts) => ["offered", ...OUTCOMES].map((name) => t("count." + name) + ": " + number(counts[/** @type {keyof Counts} */ (name)])).join(", ");
  const series = OUTCOMES.map((name) => ({ name, values: all.map(([, counts]) => counts[name]) }));
  $("team-hours").replaceChildren(bars(labels, series, all.map(([, counts], nth) => (labels[nth] ?? "") + " – " + words(counts)), t("team.perhour") + ". " + words(sum(rows))));
}

/**
 * The answer times of one worker, from the newest previews, in the steps of everybody's.
 * @param {import("./types.js").History} all
 * @param {string} who
 */
function answersOf(all, who) {
  const times = all.offers.flatMap((offer) => (offer.user === who && offer.answer_ms !== null ? [offer.answer_ms] : []));
  return all.answers.map(({ upto_ms }, nth) => {
    const over = all.answers[nth - 1]?.upto_ms ?? -1;
    return { upto_ms, count: times.filter((ms) => ms > over && (upto_ms === null || ms <= upto_ms)).length };
  });
}

function drawTimes() {
  const answers = past ? (worker ? answersOf(past, worker) : past.answers) : [];
  const total = answers.reduce((all, one) => all + one.count, 0);
  let below = 0;
  const middle = answers.find((one) => (below += one.count) * 2 >= total);
  const upto = (/** @type {number|null} */ ms, /** @type {number} */ nth) => (ms === null ? "> " + number((answers[nth - 1]?.upto_ms ?? 0) / 1000) : "≤ " + number(ms / 1000));
  const median = total && middle ? t("team.median", { time: t("seconds.short", { n: (middle.upto_ms ?? answers.at(-2)?.upto_ms ?? 0) / 1000 }) }) : t("team.noanswers");
  text($("team-median"), median);
  const labels = answers.map((one, nth) => upto(one.upto_ms, nth));
  const titles = answers.map((one, nth) => "\u2066" + (labels[nth] ?? "") + " s\u2069: " + number(one.count));
  $("team-times").replaceChildren(bars(labels, [{ name: "accepted", values: answers.map((one) => one.count) }], titles, t("team.times") + ". " + median));
}

on("language", () => {
  if (!running) return;
  build();
  drawBoard();
  drawHistory();
});
on("out", () => {
  stop();
  $("team").replaceChildren();
  board = past = null;
});
document.addEventListener("visibilitychange", () => { if (running && !document.hidden) void refreshBoard(); });
