import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { defineConfig, transformWithEsbuild, type Plugin } from "vite";

const KINDS: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

/** The custom element for other pages: one file of a name that stays, which is no module, so that any page may load it. */
function element(): Plugin {
  return {
    name: "element",
    apply: "build",
    async generateBundle() {
      const source = readFileSync(new URL("embed/memwatch-health.ts", import.meta.url), "utf8");
      const options = { minify: true, format: "iife", target: "es2022", sourcemap: false } as const;
      const { code } = await transformWithEsbuild(source, "memwatch-health.ts", options);
      this.emitFile({ type: "asset", fileName: "memwatch-health.js", source: code });
    },
  };
}

/** The list of files that the agent takes into itself. */
function list(): Plugin {
  return {
    name: "list",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const files = Object.values(bundle).map((file) => {
          const source = file.type === "chunk" ? file.code : file.source;
          const tag = createHash("sha256").update(source).digest("hex").slice(0, 32);
          return { name: file.fileName, tag };
        });
        files.sort((one, other) => (one.name < other.name ? -1 : 1));
        const lines = files.map(({ name, tag }) => {
          const path = name === "index.html" ? "/" : `/${name}`;
          const kind = KINDS[name.split(".").pop() ?? ""];
          if (!kind) throw new Error(`${name}: say in vite.config.ts of what type it is`);
          const isHashed = name.startsWith("assets/");
          return `    File { path: "${path}", kind: "${kind}", tag: "\\"${tag}\\"", is_hashed: ${isHashed}, bytes: include_bytes!("${name}") },`;
        });
        const source = `// Made by \`cargo xtask web\`: change the sources, not this.\n&[\n${lines.join("\n")}\n]\n`;
        this.emitFile({ type: "asset", fileName: "files.rs", source });
      },
    },
  };
}

export default defineConfig({
  // Relative, so that the page also works below a path of a proxy.
  base: "./",
  plugins: [element(), list()],
  // `npm run dev` beside `npm run mock`.
  server: { proxy: { "/api": "http://127.0.0.1:9891" } },
  build: {
    target: "es2022",
    cssTarget: "chrome123",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
