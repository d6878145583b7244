// Single sign-on at a real OpenID provider with its own pages (oidc-provider), which is another site to the browser: `localhost`, not `127.0.0.1`.
import assert from "node:assert/strict";
import { join } from "node:path";
import { EN, PAGE } from "./kit.mjs";

/** Somebody whose browser finds nothing but this machine: the provider's pages ask for a font from elsewhere. */
async function person(kit) {
  const context = await kit.person();
  const isFar = (url) => !["localhost", "127.0.0.1"].includes(url.hostname);
  await context.route(isFar, (route) => route.fulfill({ contentType: "text/css", body: "" }));
  return context;
}

async function shot(page, name) {
  if (process.env.UC_SHOTS) await page.screenshot({ path: join(process.env.UC_SHOTS, name + ".png") });
}

/** From our page to the provider's form. */
async function leave(page) {
  await page.click("#login-sso");
  await page.waitForURL((url) => url.hostname === "localhost");
  await page.locator('input[name="login"]').waitFor();
}

/** Fills in the provider's form. */
async function sign(page, name) {
  await page.fill('input[name="login"]', name);
  await page.fill('input[name="password"]', "whatever: it takes any");
  await page.click('button[type="submit"]');
}

export async function sso(kit) {
  const context = await person(kit);
  const page = await kit.window(context);
  await page.locator("#password").waitFor();

  // The provider says no: the page says so, in words, and the address does not keep them.
  await leave(page);
  await shot(page, "sso-provider");
  await page.click('a[href$="/abort"]');
  await kit.says(page, "#login-why", EN["login.sso-refused"]);
  assert.equal(page.url(), PAGE);
  await shot(page, "sso-refused");

  await leave(page);
  await sign(page, "1001");
  await kit.says(page, "#name", "Ada Lovelace");
  await kit.connected(page);
  assert.equal(page.url(), PAGE);
  const cookies = await context.cookies(PAGE);
  const session = cookies.find((one) => one.name === "uc_session");
  assert.ok(session?.httpOnly && session.sameSite === "Strict", "a login by the provider is as well kept as one by password");

  await kit.choose(page, "available");
  await page.locator("#channels .tag.ready").first().waitFor();
  const asked = kit.ask({});
  await kit.dialog(page);
  await shot(page, "sso-preview");
  await page.click("#accept");
  assert.equal((await asked).status, "Accepted");
  await kit.closed(page);

  await page.click("#leave");
  await kit.says(page, "#login-why", EN["login.left"]);
  await page.reload();
  await page.locator("#login").waitFor();
  // The provider still knows who it is and asks nothing.
  await page.click("#login-sso");
  await kit.says(page, "#name", "Ada Lovelace");

  // Known there, but nobody here.
  const stranger = await kit.window(await person(kit));
  await leave(stranger);
  await sign(stranger, "9999");
  await kit.says(stranger, "#login-why", EN["login.sso-unknown"]);
}
