// How the parts of the page hear of one another, without knowing one another.

/**
 * @typedef {object} Events
 * @property {import("./types.js").WorkerState} state how the worker stands
 * @property {{number: string, enabled: boolean}} redirect the external number
 * @property {import("./types.js").Offer} offer a preview begins
 * @property {{offer: string|number, outcome: string}} ended
 * @property {{offer: string|number}} late a click came too late
 * @property {{offers: (string|number)[]}} sync what is open, after a new connection
 * @property {{up: boolean, retryAt: number, wait: boolean}} link the live connection; `retryAt` on the scale of performance.now(); `wait`: too short a while to tell people
 * @property {{why: string}} out the session is over
 * @property {{}} language texts have to be written anew
 * @property {{on: boolean}} ringing previews are open
 * @property {{blocked: boolean}} sound
 */

const target = new EventTarget();

/**
 * @template {keyof Events} K
 * @param {K} name
 * @param {Events[K]} detail
 */
export function tell(name, detail) {
  target.dispatchEvent(new CustomEvent(name, { detail }));
}

/**
 * @template {keyof Events} K
 * @param {K} name
 * @param {(detail: Events[K]) => void} hear
 */
export function on(name, hear) {
  target.addEventListener(name, (event) => hear(/** @type {CustomEvent<Events[K]>} */ (event).detail));
}
