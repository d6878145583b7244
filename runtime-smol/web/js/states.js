// Texts and icons of states: those of the administrator's document, and the reserved ones.
import { el, icon } from "./dom.js";
import { pick, t } from "./i18n.js";

/** @typedef {import("./types.js").StateRow} StateRow */

/** @type {StateRow[]} */
let rows = [];

/** @param {StateRow[]} states */
export const know = (states) => { rows = states; };

/** Those on offer. */
export const onOffer = () => rows.filter((row) => pick(row.text) !== "");

/** @type {Record<string, string>} */
const RESERVED = {
  predefReady: "ready", predefPartReady: "part", predefNotReady: "notready", predefDND: "dnd", predefLoggedOut: "out", predefOutOfService: "dead", predefLogoutMenu: "logout",
  ready: "ready", "not-ready": "notready", "logged-out": "out", "logged-in": "notready", unknown: "unknown", follow: "away", "out-of-service": "dead",
};
/** @type {Record<string, string>} Last part of a predefined icon URI. */
const DRAWN = {
  ready: "ready", partready: "part", notready: "notready", dnd: "dnd", loggedout: "out", outofservice: "dead", logout: "logout", away: "notready", busy: "dnd", offline: "out",
};

/** @param {string} id */
const rowOf = (id) => rows.find((row) => row.id === id);

/**
 * The text of a status.
 * @param {string} id
 */
export function textOf(id) {
  const row = rowOf(id);
  if (row) return pick(row.status) || pick(row.text) || id;
  return RESERVED[id] ? t("state." + id) : id;
}

/**
 * Its icon.
 * @param {string} id
 */
export function iconOf(id) {
  const row = rowOf(id);
  const uri = row?.icon ?? "";
  const drawn = /^tag:ucc\.genesyslab\.com,2013:icons\/status\/(.+)$/.exec(uri)?.[1]?.toLowerCase().replace(/[^a-z]/g, "");
  if (drawn && DRAWN[drawn]) return icon(DRAWN[drawn], "tone");
  if (uri.startsWith("/")) {
    const image = el("img", { src: uri, alt: "", width: 16, height: 16, class: "icon tone" });
    image.addEventListener("error", () => image.replaceWith(icon(row?.ready ? "ready" : "notready", "tone")), { once: true });
    return image;
  }
  if (row) return icon(row.ready ? "ready" : "notready", "tone");
  return icon(RESERVED[id] ?? "unknown", "tone");
}

/**
 * The word that colours it: "ready", "part", "notready", "dnd", "out", "dead", "unknown".
 * @param {string} id
 */
export function toneOf(id) {
  const row = rowOf(id);
  return row ? (row.ready ? "ready" : "notready") : RESERVED[id] ?? "unknown";
}
