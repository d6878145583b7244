// The page: who is here decides what is shown. Everything else is in js/, one file for one thing.
import { $, button, el, input, select, text } from "./js/dom.js";
import * as alarm from "./js/alarm.js";
import * as api from "./js/api.js";
import { on } from "./js/bus.js";
import * as i18n from "./js/i18n.js";
import * as live from "./js/live.js";
import * as offer from "./js/offer.js";
import * as panel from "./js/panel.js";
import * as redirect from "./js/redirect.js";
import { announce, setBusy } from "./js/say.js";
import * as states from "./js/states.js";
import * as windows from "./js/windows.js";

const { t } = i18n;
/** @type {import("./js/types.js").Me|null} */
let me = null;

/**
 * The login form, and why.
 * @param {string} why key of a sentence; empty: none
 */
function showLogin(why) {
  me = null;
  windows.stop();
  offer.clear();
  offline(false, 0);
  $("app").hidden = true;
  $("boot").hidden = true;
  $("login").hidden = false;
  text($("login-why"), why ? t(why) : "");
  $("login-why").hidden = !why;
  alarm.setTitle(t("login.title") + " – UC Connector");
  languages();
  void offerWays();
  (input("user").value ? input("password") : input("user")).focus();
}

/** Why the daemon sent somebody back from single sign-on. */
const WHY = new Map([["unknown", "login.sso-unknown"], ["failed", "login.sso-failed"], ["refused", "login.sso-refused"], ["down", "login.sso-down"], ["late", "login.sso-late"]]);

/** Shows the button of single sign-on, hides the password, as the daemon is configured. */
async function offerWays() {
  const ways = await api.ways().catch(() => ({ sso: false, passwords: true }));
  $("login-sso").hidden = !ways.sso;
  $("login-words").hidden = !ways.passwords;
  if (!ways.passwords && !$("login").hidden) $("login-sso").focus();
}

/** @param {import("./js/types.js").Me} who */
async function enter(who) {
  me = who;
  const { ui } = who;
  await i18n.limit(ui.languages ?? [], ui.language ?? null);
  states.know(ui.states ?? []);
  text($("name"), who.name || who.user);
  $("views").hidden = who.role === "worker";
  alarm.use(ui.audio ?? null);
  panel.use(ui);
  redirect.use(ui.redirect);
  offer.use(ui, panel.remember);
  languages();
  $("boot").hidden = true;
  $("login").hidden = true;
  $("app").hidden = false;
  await view();
  windows.start();
}

/** The worker's own panel, or the team for supervisors. */
async function view() {
  const team = location.hash === "#team" && me !== null && me.role !== "worker";
  $("me").hidden = team;
  $("team").hidden = !team;
  for (const link of $("views").querySelectorAll("a")) {
    if (link.hash === (team ? "#team" : "#me")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // Only those who look at it load it.
  if (team) (await import("./js/team.js")).start();
  else if ($("team").childElementCount) (await import("./js/team.js")).stop();
}

function languages() {
  for (const id of ["language", "login-language"]) {
    select(id).replaceChildren(...i18n.languages().map((tag) => el("option", { value: tag, lang: tag, selected: tag === i18n.current() }, i18n.nameOf(tag))));
    select(id).value = i18n.current();
  }
}

for (const id of ["language", "login-language"]) {
  select(id).addEventListener("change", () => void i18n.choose(select(id).value).catch(() => languages()));
}
on("language", () => { if (document.readyState !== "loading") languages(); });

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [user, password] = [input("user").value.trim(), input("password").value];
  if (!user || !password) {
    text($("login-error"), t("login.empty"));
    (user ? input("password") : input("user")).focus();
    return;
  }
  text($("login-error"), "");
  setBusy("login-go", true);
  try {
    const who = await api.login(user, password);
    input("password").value = "";
    await enter(who);
  } catch (error) {
    const refused = error instanceof api.Refused ? error : new api.Refused(0, "", String(error));
    text($("login-error"), refused.status === 429 ? t("login.many", { n: Math.max(refused.retryS, 1) })
      : refused.status === 401 || refused.status === 403 ? t("login.wrong") : t("login.none"));
    input("password").select();
  }
  setBusy("login-go", false);
});

button("leave").addEventListener("click", async () => {
  try {
    await api.logout();
  } catch { /* then the session ends by its own time */ }
  showLogin("login.left");
});

on("out", ({ why }) => { if (me) showLogin(why === "logout" ? "login.left" : "login.again"); });

// The banner of a lost connection. It counts down, and there is a button for the impatient.
let lostSince = 0;
let counting = 0;
let retryAt = 0;

/**
 * @param {boolean} lost
 * @param {number} again
 */
function offline(lost, again) {
  retryAt = again;
  document.documentElement.classList.toggle("offline", lost);
  alarm.setMark(lost ? "⚠" : "");
  if (!lost) {
    clearTimeout(lostSince);
    clearInterval(counting);
    lostSince = counting = 0;
    if (!$("lost").hidden) announce(t("lost.back"));
    $("lost").hidden = true;
    return;
  }
  if ($("lost").hidden) {
    text($("lost-title"), t("lost.title"));
    $("lost").hidden = false;
  }
  if (!counting) counting = setInterval(count, 500);
  count();
}

function count() {
  const seconds = Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
  // Only the title is read out: a number that changes would never stop talking.
  $("lost-words").setAttribute("aria-live", "off");
  text($("lost-words"), t("lost.words") + " " + (seconds > 0 ? t("lost.again", { n: seconds }) : t("lost.now")));
}

on("link", (news) => {
  if (!me) return;
  if (news.up) offline(false, 0);
  else if (!news.wait) offline(true, news.retryAt);
  else if (!lostSince) lostSince = setTimeout(() => offline(true, news.retryAt), 1500);
});
button("lost-retry").addEventListener("click", live.retry);
on("language", () => { if (!$("lost").hidden) text($("lost-title"), t("lost.title")); });
addEventListener("hashchange", () => void view());

await i18n.start();
const why = WHY.get(new URLSearchParams(location.search).get("why") ?? "") ?? "";
if (location.search) history.replaceState(null, "", "/");
try {
  await enter(await api.me());
} catch (error) {
  showLogin(error instanceof api.Refused && error.status === 401 ? why : "login.none");
}
