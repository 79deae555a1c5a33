// Builds dist/: the types, an ES module, and one script with socket.io-client in it for pages
// without a bundler.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const common = {
  absWorkingDir: here,
  entryPoints: ["src/index.ts"],
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "none",
};

rmSync(join(here, "dist"), { recursive: true, force: true });
execFileSync(join(here, "node_modules/.bin/tsc"), ["-p", here], { stdio: "inherit" });
await build({
  ...common,
  format: "esm",
  external: ["socket.io-client"],
  outfile: "dist/index.js",
});
await build({
  ...common,
  format: "iife",
  globalName: "holdfast",
  // OBS has carried Chromium 95 for long.
  target: "chrome95",
  banner: { js: "/* @holdfast/plugin with socket.io-client. MIT licence. */" },
  outfile: "dist/holdfast-plugin.js",
});
