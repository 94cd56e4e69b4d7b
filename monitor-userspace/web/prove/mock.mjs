// What is proven of a host that is made up, because there it is known what must be seen.

import { start } from "../dev/server.mjs";
import { go, open, settled } from "./browser.mjs";

const VIEW_OF_HOSTILE = "#/processes/3100";

/** Where which text must stand as it is. */
export const SHOWN = [
  ["#/", "<img src=x onerror=window.pwned=1>"],
  ["#/findings", "\"><svg/onload=window.pwned=1>"],
  [VIEW_OF_HOSTILE, "<img src=x onerror=window.pwned=1>"],
  ["#/rules", "<script>window.pwned=1</script>"],
  ["#/findings/f008fe3fd857222", "<script>window.pwned=1</script>"],
  ["#/components?q=svg", "\"><svg/onload"],
  ["#/processes?q=gnp", "evil\\u{202e}gnp.exe"],
];

/** 5,000 rows: few are made, the last is reached, order and search work. */
export async function rows(browser, url, check) {
  const { page, close } = await open(browser, url);
  await go(page, url, "#/processes");
  const made = () => page.locator(".rows tbody tr:not(.space)").count();
  const count = await page.locator(".rows").getAttribute("aria-rowcount");
  check("5,000 rows are there, few are made", count === "5001" && (await made()) < 80, `${count}, ${await made()} made`);
  const tall = await page.locator(".window").evaluate(async (it) => {
    const began = performance.now();
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    let frames = 0;
    for (let top = 0; top < it.scrollHeight; top += it.scrollHeight / 60) {
      it.scrollTop = top;
      await frame();
      frames += 1;
    }
    it.scrollTop = it.scrollHeight;
    await frame();
    await frame();
    return { height: it.scrollHeight, perFrame: (performance.now() - began) / frames };
  });
  const last = await page.locator(".rows tbody tr:not(.space)").last().getAttribute("aria-rowindex");
  check("the last row is reached", last === "5001" && tall.height >= 5000 * 32, `row ${last}, ${tall.height} pixels, ${tall.perFrame.toFixed(1)} ms a frame`);
  await page.getByRole("button", { name: "Timers", exact: true }).click();
  const first = await page.locator(".rows tbody tr:not(.space)").first().innerText();
  const sort = await page.locator("th[aria-sort]").innerText();
  check("sorted by timers", /worker/.test(first) && /Timers/.test(sort), first.replaceAll("\t", " ").slice(0, 60));
  check("the order is in the address", /sort=timers/.test(page.url()), new URL(page.url()).hash);
  const took = await page.evaluate(() => {
    const field = document.getElementById("search");
    const began = performance.now();
    field.value = "leaker";
    field.dispatchEvent(new Event("input"));
    return performance.now() - began;
  });
  check("a search finds", (await made()) === 1, `${took.toFixed(0)} ms`);
  await page.reload();
  await settled(page);
  check("a view can be linked", (await made()) === 1 && (await page.locator("#search").inputValue()) === "leaker");
  await close();
}

/** All of it works without a pointer. */
export async function keyboard(browser, url, check) {
  const { page, close } = await open(browser, url);
  await go(page, url, "#/");
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent);
  check("the first stop leads to the content", first === "To the content", first);
  await page.keyboard.press("?");
  check("? lists the shortcuts", await page.getByRole("dialog").isVisible());
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await page.locator("#search").waitFor();
  await settled(page);
  check("g p goes to the processes", /#\/processes/.test(page.url()));
  await page.keyboard.press("/");
  check("/ goes to the search", (await page.evaluate(() => document.activeElement.id)) === "search");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const focused = () => page.evaluate(() => document.activeElement.dataset.key ?? "");
  const key = await focused();
  check("j goes from row to row", key.startsWith("row "), key);
  await page.waitForResponse((it) => it.url().includes("/processes"), { timeout: 30_000 });
  await settled(page);
  check("new figures leave the focus where it is", (await focused()) === key, await focused());
  await page.keyboard.press("Enter");
  await page.locator("#comm").waitFor();
  await settled(page);
  check("Enter opens the process", /#\/processes\/\d+/.test(page.url()), new URL(page.url()).hash);
  await page.keyboard.press("t");
  check("t turns the colours", (await page.evaluate(() => document.documentElement.dataset.theme)) === "light");
  await close();
}

/** News are shown and read out; an agent that is gone is said to be. Ends the server's streams. */
export async function live(browser, server, check) {
  const { page, close } = await open(browser, server.url);
  await go(page, server.url, "#/");
  await page.locator(".link.live").waitFor();
  await page.waitForTimeout(1500);
  const shifts = await page.evaluate(() => window.shifts);
  check("nothing jumps while it loads", shifts < 0.1, `layout shift ${shifts.toFixed(3)}`);
  const before = await page.locator(".tile b").first().innerText();
  server.news();
  await page.locator("[aria-live=polite]", { hasText: "Finding, high" }).waitFor({ state: "attached" });
  const after = await page.locator(".tile b").first().innerText();
  check("a new finding is counted and read out", Number(after) === Number(before) + 1, `${before}, then ${after}`);
  const told = await page.evaluate(() => ({ pwned: window.pwned, violations: window.violations }));
  check("its name does not run", told.pwned === undefined && told.violations.length === 0);
  await page.route("**/api/**", (route) => route.abort());
  await page.locator(".link.disconnected").waitFor({ timeout: 30_000 });
  check("an agent that is gone is said to be", true, await page.locator(".link").innerText());
  await page.unroute("**/api/**");
  await page.locator(".link.live, .link.polling").waitFor({ timeout: 30_000 });
  check("and one that is back, too", true, await page.locator(".link").innerText());
  await close();
}

/** The element on a page of its own. */
export async function element(browser, url, check) {
  const { page, bad, close } = await open(browser, url);
  const html = '<!doctype html><html lang="en"><title>x</title><h1>x</h1><script src="/memwatch-health.js"></script><memwatch-health refresh="5"></memwatch-health></html>';
  await page.route("**/embedded", (route) => route.fulfill({ contentType: "text/html", body: html }));
  await page.goto(`${url}/embedded`);
  const box = page.locator("memwatch-health .critical .status");
  await box.waitFor();
  const text = await page.locator("memwatch-health [role=group]").innerText();
  check("the element shows health, components and advice", /critical/i.test(text) && /memory\s+warning/.test(text) && /Take a profile/.test(text), text.replaceAll("\n", " ").slice(0, 90));
  await page.waitForResponse((it) => it.url().endsWith("/health"), { timeout: 15_000 });
  check("it asks again by itself", bad.length === 0 && (await page.evaluate(() => window.pwned)) === undefined, bad.join("; "));
  await close();
}

/** An agent without a route: the panel says so, the rest works. */
export async function missing(browser, check) {
  const server = await start({ processes: 50, missing: ["history", "rules", "events"] });
  try {
    const { page, bad, close } = await open(browser, server.url);
    await go(page, server.url, "#/");
    const note = await page.locator(".past-panel .note").innerText();
    check("a route that is missing is said in its panel", /Not available from this agent/.test(note), note);
    check("the rest is there", (await page.locator(".tile").count()) === 8 && bad.length === 0, bad.join("; "));
    await page.locator(".link.polling").waitFor();
    await go(page, server.url, "#/processes/999999");
    check("a process that is gone is said to be", /may have ended/.test(await page.locator("main").innerText()));
    check("without events it asks", true, await page.locator(".link").innerText());
    await close();
  } finally {
    await server.close();
  }
}
