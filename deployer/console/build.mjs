// Builds the page into dist/, which is committed: the deployer includes it, and is built without
// Node. `node build.mjs DIRECTORY` builds it elsewhere.
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const out = resolve(process.argv[2] ?? join(here, "dist"));

execFileSync(join(here, "node_modules/.bin/tsc"), ["-p", here], { stdio: "inherit" });
await build({
  absWorkingDir: here,
  entryPoints: { console: "src/main.tsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  banner: { js: "/* The console, with preact. MIT licence. Built from deployer/console. */" },
});
for (const name of ["index.html", "icon.svg"]) copyFileSync(join(here, "static", name), join(out, name));
