// The committed page is what its sources make: whoever builds the deployer has no Node.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const here = join(import.meta.dirname, "..");
const dist = join(here, "dist");

test("dist is as a fresh build makes it", () => {
  const fresh = mkdtempSync(join(tmpdir(), "console-"));
  execFileSync(process.execPath, [join(here, "build.mjs"), fresh], { stdio: "inherit" });
  assert.deepEqual(readdirSync(fresh).sort(), readdirSync(dist).sort());
  for (const name of readdirSync(fresh)) {
    const same = readFileSync(join(fresh, name)).equals(readFileSync(join(dist, name)));
    assert.ok(same, `${name}: run npm run build in deployer/console, and commit dist`);
  }
  rmSync(fresh, { recursive: true });
});

test("it is small", () => {
  const bytes = gzipSync(readFileSync(join(dist, "console.js"))).length;
  assert.ok(bytes < 25_000, `${bytes} bytes`);
});
