// Several windows of one worker in one browser. All are kept in step by the daemon; here they agree on two things among themselves: who rings, and who rests when there are many
// (a browser opens six HTTP/1.1 connections to one host, and each window holds one).
import * as live from "./live.js";

/** Windows that may hold a connection; hidden ones beyond it let go until they are shown. */
const AWAKE_MAX = 4;
/** How long the others may take to hear of a preview and say that they want to ring, milliseconds. */
const CLAIM_MS = 150;

const id = Math.random().toString(36).slice(2);
/** When this window was shown last; the window shown longest ago rests first. */
let shownAt = Date.now();
let started = false;
/** @type {Map<string, number>} */
const others = new Map();
/** The lowest claim to ring for an offer, heard or made.
 * @type {Map<string, number>} */
const claims = new Map();
const channel = typeof BroadcastChannel === "function" ? new BroadcastChannel("uc-windows") : null;

/** @param {Record<string, unknown>} words */
const say = (words) => channel?.postMessage({ ...words, id });

/** This window begins to listen. */
export function start() {
  started = true;
  live.start();
  say({ kind: "awake", at: shownAt });
}

/** It stops. */
export function stop() {
  started = false;
  live.stop();
  say({ kind: "gone" });
}

/**
 * Whether this window is the one to ring for an offer: all say how much they want it, and the lowest number wins; visible ones have the lower numbers.
 * @param {string} offer
 * @returns {Promise<boolean>}
 */
export function mayRing(offer) {
  const mine = Math.random() + (document.hidden ? 1 : 0);
  claim(offer, mine);
  say({ kind: "claim", offer, rank: mine });
  return new Promise((decided) => setTimeout(() => decided(claims.get(offer) === mine), CLAIM_MS));
}

/**
 * @param {string} offer
 * @param {number} rank
 */
function claim(offer, rank) {
  claims.set(offer, Math.min(rank, claims.get(offer) ?? Infinity));
  if (claims.size > 50) claims.delete([...claims.keys()][0] ?? "");
}

function maybeRest() {
  const newer = [...others.values()].filter((at) => at > shownAt).length;
  if (started && document.hidden && newer >= AWAKE_MAX) {
    live.stop();
    say({ kind: "gone" });
  }
}

channel?.addEventListener("message", ({ data }) => {
  if (data.kind === "gone") others.delete(data.id);
  else if (data.kind === "claim") claim(data.offer, data.rank);
  else if (data.kind === "awake") {
    const stranger = !others.has(data.id);
    others.set(data.id, data.at);
    if (stranger && started) say({ kind: "awake", at: shownAt });
    maybeRest();
  }
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !started) return;
  shownAt = Date.now();
  live.start();
  say({ kind: "awake", at: shownAt });
});
addEventListener("pagehide", () => say({ kind: "gone" }));
