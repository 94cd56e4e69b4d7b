// Looks at the page with a browser: `cargo xtask prove web [--agent URL [--leak]] [--screenshots DIR]`.
// Without --agent at a host that is made up (dev/), with names that mean harm and 5,000 processes.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { start } from "../dev/server.mjs";
import { go, launch, open, settled } from "./browser.mjs";
import { hostileProcess, leak } from "./programs.mjs";
import * as mock from "./mock.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const VIEWS = ["#/", "#/findings", "#/processes", "#/components", "#/rules", "#/agent"];

const { values: options } = parseArgs({
  options: { agent: { type: "string" }, leak: { type: "boolean" }, screenshots: { type: "string", default: "shots" } },
});

let failures = 0;
/** Says how something came out. */
function check(name, isSo, more = "") {
  console.log(`${isSo ? "ok  " : "FAIL"} ${name}${more ? `: ${more}` : ""}`);
  if (!isSo) failures += 1;
}

async function worstOf(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map((it) => ({ impact: it.impact, text: `${it.id} (${it.impact}) at ${it.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ")}` }));
}

/** Every view by a screen reader's rules, in light and dark. */
async function accessible(browser, url, views) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open(browser, url, { colorScheme });
    for (const view of views) {
      await go(page, url, view);
      const found = await worstOf(page);
      const grave = found.filter((it) => it.impact === "serious" || it.impact === "critical");
      check(`axe, ${colorScheme}, ${view}`, grave.length === 0, found.map((it) => it.text).join("; ") || "nothing");
    }
    await close();
  }
}

/** No view is wider than a phone. */
async function narrow(browser, url, views) {
  const { page, close } = await open(browser, url, { viewport: { width: 360, height: 780 }, hasTouch: true });
  for (const view of views) {
    await go(page, url, view);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    check(`360 pixels, ${view}`, width <= 360, `${width} wide`);
  }
  await close();
}

/** Whatever processes call themselves is shown, and nothing of it runs. */
async function harmless(browser, url, views, shown) {
  const { page, bad, close } = await open(browser, url);
  for (const view of views) {
    await go(page, url, view);
    const state = await page.evaluate(() => ({
      pwned: window.pwned,
      violations: window.violations,
      foreign: [...document.querySelectorAll("main img, main iframe, main svg, main script, main object, main embed, main style")].length,
    }));
    const quiet = state.pwned === undefined && state.violations.length === 0 && state.foreign === 0;
    check(`nothing runs, ${view}`, quiet, quiet ? "" : JSON.stringify(state));
  }
  for (const [view, text] of shown) {
    await go(page, url, view);
    const all = await page.locator("main").innerText();
    check(`the name is text, ${view}`, all.includes(text), JSON.stringify(text));
  }
  check("no error, no dialog, no other host", bad.length === 0, bad.join("; "));
  await close();
}

async function screenshots(browser, url, dir, pid) {
  mkdirSync(dir, { recursive: true });
  const shots = [
    ["light", "#/", 1280, 960, "light"],
    ["dark", "#/", 1280, 960, "dark"],
    ["phone", "#/", 360, 780, "light"],
    ["process", `#/processes/${pid}`, 1280, 960, "light"],
    ["finding", "#/findings", 1280, 900, "light"],
    ["processes", "#/processes", 1280, 900, "dark"],
    ["processes-phone", "#/processes", 360, 780, "dark"],
    ["components", "#/components", 1280, 900, "light"],
    ["rules", "#/rules", 1280, 900, "dark"],
    ["agent", "#/agent", 1280, 900, "light"],
  ];
  for (const [name, view, width, height, colorScheme] of shots) {
    const { page, close } = await open(browser, url, { viewport: { width, height }, colorScheme });
    await go(page, url, view);
    await settled(page);
    await page.screenshot({ path: join(dir, `${name}.png`) });
    await close();
  }
  console.log(`screenshots are in ${dir}`);
}

async function proveMock(browser) {
  const server = await start();
  const { url } = server;
  const views = [...VIEWS, "#/processes/4242", "#/processes/3100", "#/findings/f008fe3fd857222"];
  try {
    await harmless(browser, url, views, mock.SHOWN);
    await accessible(browser, url, views);
    await narrow(browser, url, views);
    await mock.rows(browser, url, check);
    await mock.keyboard(browser, url, check);
    await mock.live(browser, server, check);
    await mock.element(browser, url, check);
    await mock.missing(browser, check);
    await screenshots(browser, url, options.screenshots, 4242);
  } finally {
    await server.close();
  }
}

async function proveAgent(browser, url) {
  const hostile = await hostileProcess();
  try {
    const leaking = options.leak ? await leak(browser, url, check) : null;
    const pid = leaking?.pid ?? process.pid;
    const views = [...VIEWS, `#/processes/${hostile.pid}`, `#/processes/${pid}`];
    await harmless(browser, url, views, [[`#/processes/${hostile.pid}`, "<img src=x"], [`#/processes?q=${hostile.pid}`, "<img src=x"]]);
    await accessible(browser, url, views);
    await narrow(browser, url, views);
    await screenshots(browser, url, options.screenshots, pid);
    leaking?.stop();
  } finally {
    hostile.stop();
  }
}

const browser = await launch();
try {
  if (options.agent) await proveAgent(browser, options.agent.replace(/\/+$/, ""));
  else await proveMock(browser);
} finally {
  await browser.close();
}
console.log(failures === 0 ? "web: all is as it should be" : `web: ${failures} FAILED`);
process.exitCode = failures === 0 ? 0 : 1;
