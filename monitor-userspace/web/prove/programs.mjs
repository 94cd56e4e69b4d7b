// Programs that a running agent is to show: one with a name that means harm, and one that leaks.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { go, open } from "./browser.mjs";

const WITHIN_MS = 180_000;
const MIB = 1024 * 1024;

export async function hostileProcess() {
  const title = "<img src=x onerror=window.pwned=1>";
  const code = "process.title = process.argv[1]; console.log('ready'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ["-e", code, title], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  // The agent reads names every few seconds.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  return { pid: child.pid, stop: () => child.kill() };
}

/** Bytes of "59.5 MiB/min". */
function read(text) {
  const [, number, unit] = /^([\d.,]+) (B|KiB|MiB|GiB)\/min$/.exec(text.trim()) ?? [];
  if (!unit) throw new Error(`${JSON.stringify(text)} is no rate`);
  return Number(number.replace(",", "")) * 1024 ** ["B", "KiB", "MiB", "GiB"].indexOf(unit);
}

/** Starts a leak and reads its rate off the page. */
export async function leak(browser, url, check) {
  // By its name alone: its command line is on the pictures.
  const cwd = fileURLToPath(new URL(".", import.meta.url));
  const child = spawn(process.execPath, ["leak.mjs"], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const said = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line.split(" ").map(Number)));
  const startedMs = Date.now();
  const { page, close } = await open(browser, url);
  await go(page, url, "#/findings");
  const rate = page.locator(`[data-pid="${child.pid}"] .rate`).first();
  const isShown = await rate.waitFor({ timeout: WITHIN_MS }).then(() => true, () => false);
  check(`a leak shows on the page within 3 minutes (pid ${child.pid})`, isShown, `${((Date.now() - startedMs) / 1000).toFixed(0)} s`);
  if (isShown) {
    const text = await rate.innerText();
    const [first, last] = [said[0], said.at(-1)];
    const real = ((last[1] - first[1]) / (last[0] - first[0])) * 60_000;
    const off = Math.abs(read(text) / real - 1);
    check("its rate on the page is its rate", off < 0.1, `the page says ${text}, true are ${(real / MIB).toFixed(1)} MiB/min (${(off * 100).toFixed(1)} % off)`);
  }
  // The pictures show what is made of it with time.
  await page.locator(`[data-pid="${child.pid}"]`, { hasText: "high" }).first().waitFor({ timeout: WITHIN_MS }).catch(() => {});
  await close();
  return { pid: child.pid, stop: () => child.kill() };
}
