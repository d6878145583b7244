// The live channel: server-sent events over fetch, so that the daemon's signs of life and its "401" are seen. After a loss it comes back by itself, later and later, never all pages
// at once; what is open is told again then, so nothing has to be replayed.
import { tell } from "./bus.js";

/** The daemon says something at least every 15 s; after this silence the connection counts as dead, milliseconds. */
const SILENCE_MS = 35_000;
const WAIT_MIN_MS = 400;
const WAIT_MAX_MS = 15_000;
/** Losses shorter than this are not shown, milliseconds. */
const UNTOLD_MS = 1_200;

/** @type {AbortController|null} */
let stream = null;
let running = false;
let tries = 0;
let last = "";
/** First wait after a loss, as the daemon asks for it with `retry:`. */
let firstWait = WAIT_MIN_MS;
let waiting = 0;
let watchdog = 0;

/** Begins, and goes on until [stop]. */
export function start() {
  if (running) return;
  running = true;
  tries = 0;
  last = "";
  void open();
}

/** Ends it, for instance at the end of a session. */
export function stop() {
  running = false;
  clearTimeout(waiting);
  clearTimeout(watchdog);
  stream?.abort();
  stream = null;
}

/** Tries at once: somebody asked for it, or the network is back. */
export function retry() {
  if (!running || stream) return;
  clearTimeout(waiting);
  void open();
}

async function open() {
  const mine = new AbortController();
  stream = mine;
  let lost = true;
  try {
    alive(mine);
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (last) headers["Last-Event-ID"] = last;
    const answer = await fetch("/api/events", { headers, cache: "no-store", credentials: "same-origin", signal: mine.signal });
    if (answer.status === 401) {
      lost = false;
      tell("out", { why: "session" });
    } else if (answer.ok && answer.body) {
      await read(answer.body, mine);
    }
  } catch { /* told below */ }
  if (stream === mine) stream = null;
  clearTimeout(watchdog);
  if (running && lost && !stream) again();
}

function again() {
  // Half of the wait is certain, half is chance.
  const most = Math.min(WAIT_MAX_MS, Math.max(WAIT_MIN_MS, firstWait) * 2 ** tries);
  const wait = most / 2 + Math.random() * most / 2;
  const first = tries === 0;
  tries += 1;
  tell("link", { up: false, retryAt: performance.now() + wait, wait: first && navigator.onLine && wait < UNTOLD_MS });
  waiting = setTimeout(() => void open(), wait);
}

/** @param {AbortController} mine */
function alive(mine) {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => mine.abort("silence"), SILENCE_MS);
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {AbortController} mine
 */
async function read(body, mine) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let tail = "";
  let event = "";
  /** @type {string[]} */
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive(mine);
    const lines = (tail + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    tail = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length) heard(event, data.join("\n"));
        event = "";
        data = [];
        continue;
      }
      const at = line.indexOf(":");
      if (at === 0) continue;
      const field = at < 0 ? line : line.slice(0, at);
      const text = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
      if (field === "event") event = text;
      else if (field === "data") data.push(text);
      else if (field === "id") last = text;
      else if (field === "retry" && /^\d+$/.test(text)) firstWait = Math.min(Number(text), WAIT_MAX_MS);
    }
  }
}

/**
 * @param {string} event
 * @param {string} data
 */
function heard(event, data) {
  /** @type {any} */
  let value;
  try { value = JSON.parse(data); } catch { return; }
  if (event !== "bye") {
    // The connection stands when it has said something, not when it was opened.
    tries = 0;
    tell("link", { up: true, retryAt: 0, wait: false });
  }
  if (event === "state") tell("state", value);
  else if (event === "redirect") tell("redirect", value);
  else if (event === "offer") tell("offer", value);
  else if (event === "offer-end") tell("ended", value);
  else if (event === "too-late") tell("late", value);
  else if (event === "sync") tell("sync", value);
  else if (event === "bye") tell("out", { why: String(value.why ?? "session") });
}

/** A cut the browser knows of is a cut at once; and nobody waits once it is over. */
addEventListener("offline", () => stream?.abort("offline"));
addEventListener("online", retry);
document.addEventListener("visibilitychange", () => { if (!document.hidden) retry(); });
addEventListener("pagehide", () => stream?.abort("leaving"));
addEventListener("pageshow", (event) => { if (event.persisted) retry(); });
