// Requests to the daemon. The cookie travels by itself; what changes something carries the token against forged requests.
import { tell } from "./bus.js";

/** @typedef {import("./types.js").Me} Me */

/** @type {string} */
let csrf = "";

/** An answer that says no, or none at all (`status` 0). */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {number} [retryS] seconds to wait
   */
  constructor(status, code, message, retryS = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryS = retryS;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function ask(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") {
    headers["Content-Type"] = "application/json";
    if (csrf) headers["X-CSRF"] = csrf;
  }
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, body: method === "GET" ? null : JSON.stringify(body ?? {}), cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(15000),
    });
  } catch (error) {
    throw new Refused(0, "network", String(error));
  }
  const words = await answer.json().catch(() => ({}));
  if (answer.ok) return words;
  const code = String(words.code ?? "");
  if (answer.status === 401 && path !== "/api/login" && path !== "/api/me") tell("out", { why: "session" });
  throw new Refused(answer.status, code, String(words.error ?? answer.statusText), Number(answer.headers.get("Retry-After") ?? 0));
}

/**
 * @param {Me} me
 * @returns {Me}
 */
function known(me) {
  csrf = me.csrf;
  return me;
}

/** @returns {Promise<Me>} */
export const me = async () => known(await ask("GET", "/api/me"));
/**
 * How one can log in.
 * @returns {Promise<{sso: boolean, passwords: boolean}>}
 */
export const ways = () => ask("GET", "/api/login");
/**
 * @param {string} user
 * @param {string} password
 * @returns {Promise<Me>}
 */
export const login = async (user, password) => known(await ask("POST", "/api/login", { user, password }));
export const logout = () => ask("POST", "/api/logout");
/** @param {string} state */
export const setState = (state) => ask("POST", "/api/state", { state });
/**
 * @param {string|number} offer
 * @param {"accept"|"reject"} what
 */
export const answer = (offer, what) => ask("POST", "/api/offers/" + encodeURIComponent(String(offer)) + "/" + what);
/**
 * @param {string} number
 * @param {boolean} enabled
 */
export const setRedirect = (number, enabled) => ask("PUT", "/api/redirect", { number, enabled });
/** @returns {Promise<import("./types.js").Board>} */
export const board = () => ask("GET", "/api/board");
/**
 * @param {number} from
 * @param {number} to
 * @returns {Promise<import("./types.js").History>}
 */
export const history = (from, to) => ask("GET", "/api/history?from=" + from + "&to=" + to);
