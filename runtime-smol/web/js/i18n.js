// Texts in the worker's language. One file per language in i18n/; i18n/index.json lists them.
import { keep } from "./dom.js";
import { tell } from "./bus.js";

/** @typedef {import("./types.js").Texts} Texts */

/** @type {Record<string, string|Record<string, string>>} */
let texts = {};
/** @type {string[]} */
let known = ["en"];
let language = "en";
let plural = new Intl.PluralRules("en");
let numbers = new Intl.NumberFormat("en");

/**
 * The text of a key, with `{name}` filled in. A text with plural forms is chosen by the value `n`.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 */
export function t(key, values = {}) {
  let found = texts[key] ?? key;
  if (typeof found === "object") found = found[plural.select(Number(values.n ?? 0))] ?? found.other ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? numbers.format(value) : value;
  });
}

/** @param {number} value */
export const number = (value) => numbers.format(value);

/** Tag of the language in use. */
export const current = () => language;

/** Tags to choose from. */
export const languages = () => known;

/**
 * The name of a language in that language.
 * @param {string} tag
 */
export function nameOf(tag) {
  try {
    const name = new Intl.DisplayNames([tag], { type: "language" }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  } catch { return tag; }
}

/**
 * One of several texts, as the server gives them: in our language, else its default, else any.
 * @param {Texts|string|null|undefined} all
 */
export function pick(all) {
  if (!all) return "";
  if (typeof all === "string") return all;
  const short = language.split("-")[0] ?? language;
  return all[language] ?? all[short] ?? all[""] ?? all.en ?? Object.values(all)[0] ?? "";
}

/**
 * The first of the wished languages we have.
 * @param {readonly (string|null|undefined)[]} wishes
 */
function best(wishes) {
  for (const wish of wishes) {
    if (!wish) continue;
    const whole = known.find((tag) => tag.toLowerCase() === wish.toLowerCase());
    const short = known.find((tag) => tag.toLowerCase() === wish.split("-")[0]?.toLowerCase());
    if (whole ?? short) return /** @type {string} */ (whole ?? short);
  }
  return known.includes("en") ? "en" : /** @type {string} */ (known[0]);
}

/** Before the login: the worker's own choice, else the browser's languages. */
export async function start() {
  known = await (await fetch(new URL("../i18n/index.json", import.meta.url))).json();
  await load(best([keep.get("language"), ...navigator.languages]));
}

/**
 * After the login: the languages and the default of the administrator; the worker's own choice wins.
 * @param {string[]} offered
 * @param {string|null} preset
 */
export async function limit(offered, preset) {
  const both = known.filter((tag) => offered.includes(tag));
  if (both.length) known = both;
  await load(best([keep.get("language"), preset, ...navigator.languages]));
}

/**
 * The worker chooses.
 * @param {string} tag
 */
export async function choose(tag) {
  await load(tag);
  keep.set("language", tag);
}

/** @param {string} tag */
async function load(tag) {
  if (tag === language && Object.keys(texts).length) return;
  const answer = await fetch(new URL("../i18n/" + tag + ".json", import.meta.url));
  if (!answer.ok) throw new Error("no texts for " + tag);
  texts = await answer.json();
  language = tag;
  plural = new Intl.PluralRules(tag);
  numbers = new Intl.NumberFormat(tag);
  document.documentElement.lang = tag;
  document.documentElement.dir = texts._dir === "rtl" ? "rtl" : "ltr";
  write(document);
  tell("language", {});
}

/**
 * Writes the texts into elements marked with `data-t` (text) and `data-t-label` (label for screen readers).
 * @param {ParentNode} root
 */
export function write(root) {
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.getAttribute("data-t") ?? "");
  for (const node of root.querySelectorAll("[data-t-label]")) {
    const label = t(node.getAttribute("data-t-label") ?? "");
    node.setAttribute("aria-label", label);
    node.setAttribute("title", label);
  }
}
