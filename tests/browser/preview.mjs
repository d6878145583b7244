// Previews, from the router's question to its answer.
import assert from "node:assert/strict";
import { EN } from "./kit.mjs";

export async function accept(kit) {
  const page = await kit.ready("1001");
  const asked = kit.ask({ timeout: 60 });
  await kit.dialog(page);
  await kit.says(page, "#offer-title", EN["media.voice"]);
  await kit.says(page, "#offer-sub", "5001");
  // Labelled fields in the configured order, the others behind a fold, and all of it as text.
  const labels = await page.locator("#offer-data > dl dt").allInnerTexts();
  assert.deepEqual(labels, ["Customer", "Topic", "Note"]);
  const values = await page.locator("#offer-data > dl dd").allInnerTexts();
  assert.deepEqual(values, ["Katharina Öztürk", "Delivery is late", "<img src=x onerror=alert(1)>\nCalls again today"]);
  assert.equal(await page.locator("#offer-data img").count(), 0);
  assert.equal(await page.locator("#offer-data details dd").isVisible(), false);
  await page.click("#offer-data summary");
  await kit.says(page, "#offer-data details", "gold");
  // The countdown counts down, in number and ring.
  const seconds = Number(await page.innerText("#ring-number"));
  assert.ok(seconds > 30 && seconds <= 60, String(seconds));
  await page.waitForFunction((before) => Number(document.querySelector("#ring-number").textContent) < before, seconds);
  await page.waitForFunction(() => Number(document.querySelector("#ring-left").getAttribute("stroke-dashoffset")) > 0);
  // Escape neither answers nor hides.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await kit.dialog(page);
  await page.click("#accept");
  const answer = await asked;
  assert.equal(answer.status, "Accepted");
  assert.equal(answer.dn, "5001");
  await kit.closed(page);
  await kit.says(page, ".toast.good", "Accepted");
  await kit.says(page, "#recent", EN["short.accepted"]);
}

export async function hotkeys(kit) {
  const page = await kit.ready("1001");
  let asked = kit.ask({});
  await kit.dialog(page);
  assert.equal(await page.innerText("#accept-key"), "Alt+A");
  const help = page.context().waitForEvent("page");
  await page.keyboard.press("F1");
  await (await help).close();
  await page.keyboard.press("Alt+a");
  assert.equal((await asked).status, "Accepted");
  await kit.closed(page);
  asked = kit.ask({});
  await kit.dialog(page);
  await page.keyboard.press("Alt+r");
  assert.equal((await asked).status, "Rejected");
  await kit.closed(page);
}

export async function decline(kit) {
  const page = await kit.ready("1001");
  const asked = kit.ask({});
  await kit.dialog(page);
  await page.click("#reject");
  assert.equal((await asked).status, "Rejected");
  await kit.closed(page);
  await kit.says(page, "#recent", EN["short.rejected"]);
}

export async function time_out(kit) {
  const page = await kit.ready("1001");
  const asked = kit.ask({ timeout: 2 });
  await kit.dialog(page);
  await page.locator("#ring.urgent").waitFor();
  assert.equal((await asked).status, "Timeout");
  await kit.closed(page);
  await kit.says(page, ".toast", EN["outcome.timeout"]);
  await kit.says(page, "#recent", EN["short.timeout"]);
}

export async function withdrawn(kit) {
  const page = await kit.ready("1001");
  const asked = kit.ask({ connId: "00710230000000cc" });
  await kit.dialog(page);
  assert.equal((await kit.ask({ op: "cancel", connId: "00710230000000cc" })).status, "Canceled");
  assert.equal((await asked).status, "Canceled");
  await kit.closed(page);
  await kit.says(page, ".toast", EN["outcome.canceled"]);
}

/** Two workers, one call: whoever is first gets it, the other is told. Both click at the same moment, several times over. */
export async function race(kit) {
  const [ada, grace] = await Promise.all([kit.ready("1001"), kit.ready("1002")]);
  for (let round = 0; round < 3; round++) {
    const asked = kit.ask({ op: "multiple", agent: undefined, targets: "1001^1002" });
    await Promise.all([ada, grace].map((page) => kit.dialog(page)));
    await kit.says(ada, "#offer-sub", "Colleagues are asked too");
    // One click may come to a dialog that is gone: then the other was first, and this one is told.
    await Promise.all([ada, grace].map((page) => page.evaluate(() => document.querySelector("#accept").click())));
    const answer = await asked;
    assert.equal(answer.status, "Accepted");
    await Promise.all([ada, grace].map((page) => kit.closed(page)));
    const [winner, loser] = answer.dn === "5001" ? [ada, grace] : [grace, ada];
    await kit.says(winner, ".toast.good", "Accepted");
    await kit.says(loser, ".toast", EN["outcome.taken"]);
    assert.equal(await loser.locator(".toast.good").count(), 0);
    for (const page of [ada, grace]) {
      for (const close of await page.locator(".toast button").all()) await close.click();
      await page.locator(".toast").waitFor({ state: "detached" });
    }
    if (round) continue;
    // The other one wins surely, once, by being alone.
    const alone = kit.ask({ op: "multiple", agent: undefined, targets: "1001|1002" });
    await Promise.all([ada, grace].map((page) => kit.dialog(page)));
    await loser.click("#accept");
    assert.equal((await alone).dn, loser === ada ? "5001" : "5002");
    await kit.says(winner, ".toast", EN["outcome.taken"]);
    for (const page of [ada, grace]) {
      for (const close of await page.locator(".toast button").all()) await close.click();
    }
  }
}

/** The network is cut under an open preview and comes back: nothing is lost, and what is over is taken down. */
export async function network_cut(kit) {
  kit.cut = true;
  const page = await kit.ready("1001");
  const asked = kit.ask({ timeout: 120 });
  await kit.dialog(page);
  await page.context().setOffline(true);
  await kit.says(page, "#lost", EN["lost.title"]);
  await page.locator("#offer-lost").waitFor();
  await page.waitForFunction(() => document.title.startsWith("⚠") || document.title.startsWith("●"));
  await page.context().setOffline(false);
  await page.locator("#lost").waitFor({ state: "hidden" });
  await kit.dialog(page);
  await page.locator("#offer-lost").waitFor({ state: "hidden" });
  await kit.says(page, "#offer-data", "Katharina Öztürk");

  // Answered while it is cut: sent when it is back.
  await page.context().setOffline(true);
  await kit.says(page, "#lost", EN["lost.title"]);
  await page.click("#accept");
  await kit.says(page, "#accept", EN["offer.accept.wait"]);
  await page.context().setOffline(false);
  assert.equal((await asked).status, "Accepted");
  await kit.closed(page);

  // Over while it is cut.
  const next = kit.ask({ connId: "00710230000000dd" });
  await kit.dialog(page);
  await page.context().setOffline(true);
  await kit.says(page, "#lost", EN["lost.title"]);
  await kit.ask({ op: "cancel", connId: "00710230000000dd" });
  assert.equal((await next).status, "Canceled");
  await kit.dialog(page);
  await page.context().setOffline(false);
  await kit.closed(page);
  await kit.says(page, ".toast", EN["outcome.gone"]);
}

/** Several windows of one worker: the same preview in all, one answer for all. A window opened late shows it, too. */
export async function two_windows(kit) {
  const page = await kit.ready("1001");
  const second = await kit.login(page.context(), "1001");
  const asked = kit.ask({});
  for (const window of [page, second]) await kit.dialog(window);
  const third = await kit.window(page.context());
  await kit.dialog(third);
  const left = async (window) => Number(await window.innerText("#ring-number"));
  assert.ok(Math.abs(await left(page) - await left(third)) <= 2, "the countdown is the same everywhere");
  await second.reload();
  await kit.dialog(second);
  await second.click("#accept");
  assert.equal((await asked).status, "Accepted");
  for (const window of [page, second, third]) await kit.closed(window);
  await kit.says(page, ".toast.good", "Accepted");
}

/** Two previews at once for a worker who may have two. */
export async function two_previews(kit) {
  const page = await kit.ready("1001");
  const call = kit.ask({});
  await kit.dialog(page);
  const chat = kit.ask({ mediaType: "chat" });
  await page.locator("#offer-tabs button").nth(1).click();
  await kit.says(page, "#offer-title", EN["media.chat"]);
  await page.click("#reject");
  assert.equal((await chat).status, "Rejected");
  await kit.says(page, "#offer-title", EN["media.voice"]);
  await page.click("#accept");
  assert.equal((await call).status, "Accepted");
  await kit.closed(page);
}
