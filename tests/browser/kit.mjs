// What the stories share: the browser, people at their pages, the router, waiting for conditions. Nothing here sleeps.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = process.env.UC_NODE_MODULES;
const { chromium } = createRequire(join(modules, "anywhere.js"))("playwright-core");

export const PAGE = process.env.UC_PAGE;
export const ROUTER = process.env.UC_ROUTER;
export const PASSWORD = process.env.UC_PASSWORD;
export const WEB = process.env.UC_WEB;
/** How long anything may take that must happen, milliseconds. */
export const PATIENCE = 20_000;
export const LANGUAGES = JSON.parse(readFileSync(join(WEB, "i18n/index.json"), "utf8"));
export const AXE = () => readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");

/** The texts of a language. */
export const texts = (language) => JSON.parse(readFileSync(join(WEB, "i18n", language + ".json"), "utf8"));
export const EN = texts("en");

let serial = 0;

export class Kit {
  constructor(browser) {
    this.browser = browser;
    this.faults = [];
    /** While true, failed requests are what the story is about. */
    this.cut = false;
  }

  static async start(more = []) {
    return new Kit(await chromium.launch({ executablePath: process.env.UC_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage", ...more] }));
  }

  /** A browser of its own for somebody. */
  async person(options = {}) {
    const context = await this.browser.newContext({ locale: "en", viewport: { width: 1100, height: 760 }, ...options });
    context.setDefaultTimeout(PATIENCE);
    return context;
  }

  /** A window with the login form. */
  async window(context) {
    const page = await this.tab(context);
    await page.goto(PAGE);
    await page.locator("#login:not([hidden]), #app:not([hidden])").first().waitFor();
    return page;
  }

  /** An empty tab whose faults are kept. */
  async tab(context) {
    const page = await context.newPage();
    page.on("pageerror", (error) => this.faults.push("error in the page: " + error.stack));
    page.on("console", (message) => {
      const text = message.text();
      if (message.type() !== "error" && message.type() !== "warning") return;
      // Whoever is not logged in is told so: the page asks once when it starts.
      if (/status of 40[19]|status of 429/.test(text) || (this.cut && /ERR_/.test(text))) return;
      this.faults.push("console: " + text + " " + message.location().url);
    });
    return page;
  }

  /** A window whose worker is logged in. */
  async login(context, user) {
    const page = await this.window(context);
    if (await page.locator("#login").isVisible()) {
      await page.fill("#user", user);
      await page.fill("#password", PASSWORD);
      await page.press("#password", "Enter");
    }
    await this.connected(page);
    return page;
  }

  async connected(page) {
    await page.locator("#channels .dn").first().waitFor();
  }

  /** Chooses a state in the drop-down. */
  async choose(page, state) {
    await page.click("#status-button");
    await page.click(`#status-menu [data-state="${state}"]`);
  }

  /** Somebody at a page of their own, ready for previews. */
  async ready(user, options = {}) {
    const page = await this.login(await this.person(options), user);
    await this.choose(page, "available");
    await page.locator("#channels .tag.ready").first().waitFor();
    return page;
  }

  /** Asks as a routing strategy does; the answer when it comes. */
  async ask(fields) {
    serial += 1;
    const body = { op: "request", agent: "1001", connId: "0071023" + String(serial).padStart(9, "0"), mediaType: "voice", userData: DATA, timeout: 60, ...fields };
    const answer = await fetch(ROUTER, { method: "POST", headers: { "Content-Type": "application/json", Connection: "close" }, body: JSON.stringify(body) });
    const words = await answer.json();
    return { ...words, status: words.Status };
  }

  async dialog(page) {
    await page.locator("dialog[open]").waitFor();
  }

  async closed(page) {
    await page.locator("dialog:not([open])").waitFor({ state: "attached" });
  }

  /** Waits until a text stands somewhere. */
  async says(page, selector, text) {
    await page.locator(selector).filter({ hasText: text }).first().waitFor();
  }

  async end() {
    await this.browser.close();
    assert.deepEqual(this.faults, [], "the browser complained");
  }
}

/** What comes with a call: labelled fields in another order than they are shown in, fields nobody labelled, and something that must stay text. */
export const DATA = { Topic: "Delivery is late", segment: "gold", CustomerName: "Katharina Öztürk", Note: "<img src=x onerror=alert(1)>\nCalls again today" };
