// The worker's own panel: login, status, channels, other number, languages, themes, sound.
import assert from "node:assert/strict";
import { EN, LANGUAGES, PAGE, PASSWORD, texts } from "./kit.mjs";

export async function login(kit) {
  const context = await kit.person();
  const page = await kit.window(context);
  await page.click("#login-go");
  await kit.says(page, "#login-error", EN["login.empty"]);
  await page.fill("#user", "1001");
  await page.fill("#password", "wrong");
  await page.click("#login-go");
  await kit.says(page, "#login-error", EN["login.wrong"]);
  await page.fill("#password", PASSWORD);
  await page.press("#password", "Enter");
  await kit.says(page, "#name", "Ada Lovelace");
  assert.equal(await page.locator("#views").isVisible(), false, "a worker has no page of the team");
  const cookie = (await context.cookies()).find((one) => one.name === "uc_session");
  assert.ok(cookie?.httpOnly && cookie.sameSite === "Strict", "the session's cookie is out of reach of scripts and other sites");

  // The session outlives the window; its end is the end in all windows.
  await page.reload();
  await kit.connected(page);
  const second = await kit.login(context, "1001");
  await page.click("#leave");
  await kit.says(page, "#login-why", EN["login.left"]);
  await second.locator("#login").waitFor();
  await page.reload();
  await page.locator("#login").waitFor();
}

export async function status(kit) {
  const context = await kit.person();
  const page = await kit.login(context, "1001");
  const second = await kit.login(context, "1001");
  await page.click("#status-button");
  const entries = await page.locator("#status-menu li").allInnerTexts();
  assert.deepEqual(entries, ["Do Not Disturb Off", "Do Not Disturb On", "Take a break", "Go to a training", EN["state.logout"]]);
  await page.click('[data-state="available"]');
  for (const window of [page, second]) {
    await kit.says(window, "#status-text", "Available");
    await kit.says(window, "#channels", "5001");
    await window.locator("#channels .tag.ready").waitFor();
  }
  await kit.choose(second, "training");
  for (const window of [page, second]) await kit.says(window, "#status-text", "In training");
  await page.waitForFunction(() => document.title.startsWith("In training"));
  await kit.choose(page, "logged-out");
  for (const window of [page, second]) await kit.says(window, "#status-text", EN["state.predefLoggedOut"]);
  await kit.choose(page, "break");
  await kit.says(page, "#status-text", "On a break");
}

export async function other_number(kit) {
  const context = await kit.person();
  const page = await kit.login(context, "1001");
  const second = await kit.login(context, "1001");
  await kit.choose(page, "available");
  await page.locator("#channels .tag.ready").waitFor();
  await page.check("#redirect-on");
  await page.fill("#redirect-number", "+1900555");
  await page.press("#redirect-number", "Enter");
  await kit.says(page, "#redirect-error", EN["redirect.bad"]);
  assert.equal(await page.getAttribute("#redirect-number", "aria-invalid"), "true");
  await page.fill("#redirect-number", "+4989123456");
  await page.click("#redirect-save");
  await kit.says(page, ".toast", "+4989123456");
  await second.waitForFunction(() => document.querySelector("#redirect-on").checked && document.querySelector("#redirect-number").value === "+4989123456");
  const asked = kit.ask({});
  await kit.dialog(second);
  await second.click("#accept");
  const answer = await asked;
  assert.equal(answer.status, "Accepted");
  assert.equal(answer.redirectNumber, "+4989123456");
  await page.locator("#toasts").filter({ hasText: "Accepted" }).waitFor();
  await page.uncheck("#redirect-on");
  await second.waitForFunction(() => !document.querySelector("#redirect-on").checked);
}

export async function languages(kit) {
  for (const language of LANGUAGES) {
    const words = texts(language);
    const context = await kit.person({ locale: language });
    const page = await kit.window(context);
    await kit.says(page, "h1", words["login.title"]);
    assert.equal(await page.getAttribute("html", "lang"), language);
    assert.equal(await page.getAttribute("html", "dir"), words._dir);
    await context.close();
  }
  // A language of the worker's own choice stays, also before the next login.
  const context = await kit.person();
  const page = await kit.login(context, "1001");
  await page.selectOption("#language", "ar");
  await kit.says(page, "#channels-title", texts("ar")["channels.title"]);
  const [icon, words] = [await page.locator("#status-icon").boundingBox(), await page.locator("#status-text").boundingBox()];
  assert.ok(icon.x > words.x, "right to left");
  await page.click("#leave");
  await page.reload();
  await kit.says(page, "h1", texts("ar")["login.title"]);
  await page.selectOption("#login-language", "ja");
  await kit.says(page, "h1", texts("ja")["login.title"]);
}

export async function themes(kit) {
  const back = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await kit.window(await kit.person({ colorScheme: "dark", reducedMotion: "reduce" }));
  const context = await kit.person({ colorScheme: "light" });
  const light = await kit.login(context, "1001");
  const [night, day] = [await back(dark), await back(light)];
  assert.notEqual(night, day);
  await light.locator("#app [data-theme-switch]").click();
  assert.equal(await back(light), night);
  await light.reload();
  await kit.connected(light);
  assert.equal(await back(light), night, "the switch is remembered");
  await light.locator("#app [data-theme-switch]").click();
  assert.equal(await back(light), day);
  // Who asked for less motion gets none.
  await dark.evaluate(() => document.querySelector("dialog").showModal());
  assert.equal(await dark.evaluate(() => getComputedStyle(document.querySelector("dialog")).animationName), "none");
}

/** Sound needs a gesture in this window; a new window has seen none. */
export async function sound_blocked(kit) {
  const context = await kit.person();
  await (await kit.login(context, "1001")).close();
  const page = await kit.tab(context);
  // The driver's own looks into a page count as the worker's gestures: until the hint is there the page is left alone, and tells by itself.
  await page.addInitScript(() => {
    const look = () => { if (document.getElementById("hint-sound")?.hidden === false) console.debug("sound is blocked"); };
    new MutationObserver(look).observe(document, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
  });
  const told = page.waitForEvent("console", (message) => message.text() === "sound is blocked");
  await page.goto(PAGE);
  await told;
  await kit.connected(page);
  await page.locator("#hint-sound").waitFor();
  await page.click("#sound-unblock");
  await page.locator("#hint-sound").waitFor({ state: "hidden" });
}
sound_blocked.flags = ["--autoplay-policy=document-user-activation-required"];

/** Two windows, one of them hidden; only one rings, and only a hidden one shows a notification. */
export async function calling(kit) {
  const context = await kit.person();
  await context.addInitScript(() => {
    globalThis.rung = 0;
    globalThis.shown = [];
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      if (this.volume === 1) globalThis.rung += 1;
      return play.call(this);
    };
    globalThis.Notification = class {
      static permission = "default";
      static requestPermission() { this.permission = "granted"; return Promise.resolve("granted"); }
      constructor(title, options) { globalThis.shown.push(title + "\n" + options.body); }
      close() {}
    };
  });
  const page = await kit.login(context, "1001");
  const second = await kit.login(context, "1001");
  await kit.choose(page, "available");
  await page.locator("#channels .tag.ready").waitFor();
  await page.check("#notify");

  const first = kit.ask({});
  for (const window of [page, second]) await kit.dialog(window);
  await page.waitForFunction(() => document.title.startsWith("●"));
  assert.match(await page.getAttribute("link[rel=icon]", "href"), /icon-ring\.svg$/);
  await page.waitForFunction(() => globalThis.rung > 0).catch(() => {});
  const rung = async () => await page.evaluate(() => globalThis.rung) + await second.evaluate(() => globalThis.rung);
  assert.equal(await rung(), 1, "one window rings for all");
  assert.deepEqual(await page.evaluate(() => globalThis.shown), [], "who looks at the page needs no notification");
  await page.click("#reject");
  assert.equal((await first).status, "Rejected");
  await page.waitForFunction(() => !document.title.startsWith("●"));
  await second.close();

  await page.evaluate(() => Object.defineProperty(document, "hidden", { get: () => true }));
  const next = kit.ask({});
  await page.waitForFunction(() => globalThis.shown.length === 1);
  assert.match(await page.evaluate(() => globalThis.shown[0]), /New preview: Call\nCustomer: Katharina Öztürk/);
  await page.click("#reject");
  await next;
}
