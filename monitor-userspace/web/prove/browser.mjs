// A browser and what happens in it that must not.

import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch() {
  const executablePath = PLACES.find((it) => it && existsSync(it));
  if (!executablePath) throw new Error("there is no Chromium: install Debian's chromium, or say where it is in CHROMIUM");
  // Root has no user namespaces to shut the renderer in.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args });
}

/** A page that notes errors, dialogs, violations of the policy, and calls to anybody but its own host. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  const bad = [];
  page.on("pageerror", (error) => bad.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    bad.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const of = request.url();
    if (!of.startsWith(url) && !of.startsWith("data:")) bad.push(`asked another host: ${of}`);
  });
  await page.addInitScript(() => {
    window.violations = [];
    window.shifts = 0;
    document.addEventListener("securitypolicyviolation", (it) => window.violations.push(`${it.violatedDirective}: ${it.blockedURI} ${it.sample}`));
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  return { page, bad, close: () => context.close() };
}

/** Goes to a view and waits until its panels have what was asked for. */
export async function go(page, url, hash) {
  await page.goto(`${url}/${hash}`);
  await settled(page);
}

export async function settled(page) {
  await page.waitForFunction(() => {
    const bodies = [...document.querySelectorAll("main .panel .body")];
    return document.querySelector("main:not(.coming)") && bodies.length > 0 && bodies.every((it) => !it.textContent.startsWith("Loading"));
  });
  // A frame, so that what came is drawn.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
