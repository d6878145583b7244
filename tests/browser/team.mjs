// The supervisor's page.
import assert from "node:assert/strict";
import { EN, PAGE } from "./kit.mjs";

export async function supervisor(kit) {
  const ada = await kit.ready("1001");
  const boss = await kit.login(await kit.person(), "1003");
  await boss.click('a[href="#team"]');
  const row = boss.locator("#team-live tr", { hasText: "Ada Lovelace" });
  await row.filter({ hasText: "Available" }).filter({ hasText: EN["team.open"] }).waitFor();
  assert.equal(await boss.locator("#team-live tbody tr").count(), 3);

  const asked = kit.ask({});
  await row.locator(".call").waitFor();
  await kit.dialog(ada);
  await ada.click("#accept");
  assert.equal((await asked).status, "Accepted");
  const declined = kit.ask({});
  await kit.dialog(ada);
  await ada.click("#reject");
  await declined;
  await row.locator(".call").waitFor({ state: "detached" });
  await boss.waitForFunction(() => document.querySelector(".tile.accepted .value").textContent === "1" && document.querySelector(".tile.rejected .value").textContent === "1");

  // Charts and tables of the history; both previews are in it.
  await boss.reload();
  await boss.locator("#team-workers tr", { hasText: "Ada Lovelace" }).waitFor();
  await boss.selectOption("#team-worker", "1001");
  assert.deepEqual(await boss.locator("#team-workers tbody tr td").allInnerTexts(), ["2", "1", "1", "0", "0"]);
  assert.equal(await boss.locator("#team-hours .bar.accepted").count(), 1);
  assert.equal(await boss.locator("#team-hours .bar.rejected").count(), 1);
  assert.ok(await boss.locator("#team-times .bar").count() >= 1);
  for (const period of ["168", "1"]) {
    await boss.selectOption("#team-period", period);
    await boss.locator("#team-hours .bar.accepted").waitFor();
  }
  const download = boss.waitForEvent("download");
  await boss.click("#team-csv");
  const chunks = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString("utf8").trim().split("\r\n");
  assert.equal(lines.length, 3, lines.join("\n"));
  assert.match(lines.join("\n"), /Ada Lovelace/);

  // Workers are kept out, not only not shown in.
  const refused = await ada.evaluate(async () => [(await fetch("/api/board")).status, (await fetch("/api/history")).status]);
  kit.faults = kit.faults.filter((fault) => !fault.includes("403"));
  assert.deepEqual(refused, [403, 403]);
  await ada.goto(PAGE + "#team");
  await kit.connected(ada);
  assert.equal(await ada.locator("#team").isVisible(), false);
}
