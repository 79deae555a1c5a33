// What is published: its size, and the copy of the script in the example.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const here = join(import.meta.dirname, "..");
const dist = (name) => readFileSync(join(here, "dist", name));
const compressed = (bytes) => gzipSync(bytes, { level: 9 }).length;

test("it takes 8 KB at most beside socket.io-client", () => {
  assert.ok(compressed(dist("index.js")) <= 8192);
  const library = join(here, "node_modules/socket.io-client/dist/socket.io.min.js");
  const beside = compressed(dist("holdfast-plugin.js")) - compressed(readFileSync(library));
  assert.ok(beside <= 8192, `${beside} bytes`);
});

test("the overlay has the script as it is built", () => {
  const copy = readFileSync(join(here, "../../examples/overlay/holdfast-plugin.js"));
  assert.ok(copy.equals(dist("holdfast-plugin.js")), "copy dist/holdfast-plugin.js to examples/overlay");
});
