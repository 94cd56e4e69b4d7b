// Runs the tests of the page's pure parts under node's own runner, each file made JavaScript first.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const files = readdirSync(here).filter((it) => it.endsWith(".test.ts"));
const made = mkdtempSync(join(tmpdir(), "memwatch-web-"));
try {
  await build({
    absWorkingDir: join(here, ".."),
    entryPoints: files.map((it) => join(here, it)),
    bundle: true,
    platform: "node",
    format: "esm",
    outdir: made,
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
  const tests = files.map((it) => join(made, it.replace(/\.ts$/, ".mjs")));
  const { status } = spawnSync(process.execPath, ["--test", ...tests], { stdio: "inherit", cwd: join(here, "..") });
  process.exitCode = status ?? 1;
} finally {
  rmSync(made, { recursive: true, force: true });
}
