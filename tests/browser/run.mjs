// Runs one story: `node run.mjs NAME`. The daemon's addresses and the rest come as environment variables, see tests/tests/browser.rs.
import { Kit } from "./kit.mjs";
import * as panel from "./panel.mjs";
import * as preview from "./preview.mjs";
import * as quality from "./quality.mjs";
import * as sso from "./sso.mjs";
import * as team from "./team.mjs";

const stories = { ...panel, ...preview, ...quality, ...sso, ...team };
const name = process.argv[2] ?? "";
const story = stories[name];
if (!story) throw new Error("no story " + name + "; there are " + Object.keys(stories).join(", "));
const kit = await Kit.start(story.flags ?? []);
try {
  await story(kit);
  await kit.end();
} catch (error) {
  console.error(error);
  for (const context of kit.browser.contexts()) {
    for (const page of context.pages()) console.error("--- a window showed:\n" + await page.locator("body").innerText({ timeout: 1000 }).catch(() => "?"));
  }
  console.error(kit.faults.join("\n"));
  process.exit(1);
}
process.exit(0);
