// The shapes of the worker API, for the type checker; nothing here runs.

/** @typedef {Record<string, string>} Texts By language tag; the empty key holds the default. */
/** @typedef {{id: string, ready: boolean, icon: string|null, text: Texts|null, status?: Texts|null}} StateRow `text` null: recognised, not on offer. */
/** @typedef {{allowed: boolean, number: string, enabled: boolean, pattern: string}} Redirect */
/** @typedef {{url: string, main: boolean, preview: boolean}} Help */
/**
 * @typedef {object} Ui
 * @property {string[]} languages
 * @property {string|null} language
 * @property {string|null} audio
 * @property {{accept: string, reject: string, help: string}} hotkeys
 * @property {Help|null} help
 * @property {{key: string, label: string|Texts}[]} fields
 * @property {boolean} hideOther
 * @property {Redirect|null} redirect
 * @property {boolean} logout
 * @property {boolean} [follow]
 * @property {StateRow[]} states
 */
/** @typedef {{user: string, name: string, role: string, csrf: string, ui: Ui}} Me */
/** @typedef {{dn: string, switch: string, state: string, flags: string[]}} Channel */
/** @typedef {{choice: string|null, shown: string, presence: {class: string, note: string|null}|null, dns: Channel[]}} WorkerState */
/**
 * @typedef {object} Offer
 * @property {string|number} offer
 * @property {string} dn
 * @property {string} conn
 * @property {string} media
 * @property {[string, string][]} data
 * @property {number} offered Milliseconds of the server's clock, as are `ends` and `now`.
 * @property {number} ends
 * @property {number} now
 * @property {boolean} broadcast
 */
/** @typedef {{offered: number, accepted: number, rejected: number, timeout: number, other: number}} Counts */
/** @typedef {{offer: string|number, conn: string, media: string, offered: number, ends: number}} BoardOffer */
/** @typedef {{user: string, name: string, shown: string, pages: number, offers: BoardOffer[], today: Counts}} BoardWorker */
/** @typedef {{now: number, workers: BoardWorker[]}} Board */
/** @typedef {Counts & {hour: number, user: string, name: string}} HourRow */
/** @typedef {{offer: string|number, user: string, name: string, conn: string, media: string, offered: number, ended: number|null, outcome: string|null, answer_ms: number|null}} HistoryOffer */
/** @typedef {{from: number, to: number, hours: HourRow[], answers: {upto_ms: number|null, count: number}[], offers: HistoryOffer[]}} History */

export {};
