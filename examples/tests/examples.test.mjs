// Every example as it stands, against three nodes behind the model of the load balancer.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { browser, site, withLibrary } from "../../tools/testing/browser.mjs";
import { PATIENCE, PROJECT, Stack, eventually } from "../../tools/testing/stack.mjs";

const ADDRESS = "https://drops.example.com";
const PYTHON = join(PROJECT, ".cache/venv/bin/python");
/** As many clients as make it certain that some sessions span several nodes. */
const CLIENTS = 6;
const example = (name) => join(PROJECT, "examples", name);

let stack, chromium, pages;
const keys = {};

before(async () => {
  const served = {};
  pages = await site(served);
  const origins = [`http://127.0.0.1:${pages.port}`, `http://studio.test:${pages.port}`];
  stack = await Stack.start({ server: [`cors_origins: ["${origins.join('", "')}"]`] });
  served["/page"] = () =>
    readFileSync(example("browser/index.html"), "utf8")
      .replaceAll(ADDRESS, stack.url)
      .replaceAll("hfk_…", keys.page);
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await stack?.stop();
  pages?.stop();
});

/** Starts an example as a process; what it prints is in `lines`. */
function start(command, args, environment) {
  const child = spawn(command, args, {
    env: { ...process.env, HOLDFAST_URL: stack.url, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => lines.push(line));
  }
  return { lines, stop: () => child.kill("SIGKILL") };
}

/** Where the official Java client and what it needs are; the tests' registries do not have them. */
const JARS = process.env.HOLDFAST_JAVA_CLASSPATH;
const withoutJars = !JARS && "HOLDFAST_JAVA_CLASSPATH names no jars: see examples/README.md";

for (const [name, [command, ...more], file, skip = false] of [
  ["node", [process.execPath], "node/plugin.mjs"],
  ["python", [PYTHON], "python/plugin.py"],
  ["python-async", [PYTHON], "python/plugin_async.py"],
  ["java", ["java", "-cp", JARS], "java/Plugin.java", withoutJars],
]) {
  test(`${file}: every client gets its message, on any node`, { skip }, async () => {
    const key = await stack.key(name);
    const clients = [];
    for (let n = 0; n < CLIENTS; n += 1) {
      clients.push(start(command, [...more, example(file)], { PLUGIN_KEY: key }));
    }
    try {
      await stack.connected(name, CLIENTS);
      await stack.publish(name, { id: "one", data: { code: "AB-12" } });
      for (const { lines } of clients) {
        await eventually("the code", () => lines.some((line) => line.startsWith("AB-12")));
      }
      await stack.becomes(name, "one", "acknowledged");
      for (const { lines } of clients) {
        const refused = lines.filter((line) => line.includes("unknown"));
        assert.deepEqual(refused, []);
        assert.equal(lines.filter((line) => line.startsWith("AB-12")).length, 1);
      }
    } finally {
      clients.forEach((client) => client.stop());
    }
  });
}

/** The pages of CLIENTS visitors, each with cookies of its own, get a code and acknowledge it. */
async function visited(channel, address, prepare = () => {}) {
  keys.page = await stack.key(channel);
  const contexts = [];
  try {
    for (let n = 0; n < CLIENTS; n += 1) {
      const context = await chromium.newContext();
      contexts.push(context);
      await withLibrary(context);
      await prepare(context);
      await (await context.newPage()).goto(address);
    }
    await stack.connected(channel, CLIENTS);
    await stack.publish(channel, { id: "one", data: { code: "AB-12" } });
    for (const context of contexts) {
      const heading = context.pages()[0].getByText("AB-12");
      await heading.waitFor({ timeout: PATIENCE });
    }
    await stack.becomes(channel, "one", "acknowledged");
  } finally {
    await Promise.all(contexts.map((context) => context.close()));
  }
}

test("browser/index.html: a page on another origin of the same site", () =>
  visited("origin", `http://127.0.0.1:${pages.port}/page`));

test("browser/index.html: a page on another site", () =>
  visited("site", `http://studio.test:${pages.port}/page`));

test("browser/index.html: a page in a network without WebSocket", () =>
  visited("polling", `http://127.0.0.1:${pages.port}/page`, (context) =>
    context.addInitScript(() => {
      // As a proxy that does not know WebSocket does it: each one fails before it opens.
      window.WebSocket = class extends window.WebSocket {
        constructor(url) {
          super(url.replace("/websockets/", "/no-websockets/"));
        }
      };
    })));

test("overlay/index.html: at the local stack itself, an alert appears and goes", async () => {
  const key = await stack.key("overlay");
  const page = await chromium.newPage();
  await page.goto(`${stack.url}/overlay/#key=${key}&seconds=1`);
  await stack.connected("overlay");
  await stack.publish("overlay", { id: "one", data: { code: "AB-12" } });
  await page.locator("#alert.on", { hasText: "AB-12" }).waitFor({ timeout: PATIENCE });
  await stack.becomes("overlay", "one", "acknowledged");
  await page.locator("#alert:not(.on)").waitFor();
  assert.equal(await page.locator("#state").textContent(), "");
  await page.close();
});

for (const [name, command, file] of [
  ["node", process.execPath, "backend/publish.mjs"],
  ["python", PYTHON, "backend/publish.py"],
]) {
  test(`${file}: repeats until it is answered, and is delivered once`, async () => {
    const channel = `backend-${name}`;
    await stack.key(channel);
    // In front of the service: the first request gets lost, the answer of the second one too.
    let requests = 0;
    const front = createServer(async (request, answer) => {
      requests += 1;
      if (requests === 1) return request.socket.destroy();
      const body = await new Response(request).text();
      const { authorization } = request.headers;
      const headers = { authorization, "content-type": "application/json" };
      const got = await fetch(stack.url + request.url, { method: "POST", headers, body });
      if (requests === 2) return request.socket.destroy();
      answer.writeHead(got.status, { "content-type": "application/json" });
      answer.end(await got.text());
    });
    await new Promise((resolve) => front.listen(0, "127.0.0.1", resolve));
    try {
      const environment = {
        HOLDFAST_URL: `http://127.0.0.1:${front.address().port}`,
        BACKEND_KEY: stack.backendKey,
      };
      const env = { ...process.env, ...environment };
      const args = [example(file), channel, "drop-1", "AB-12"];
      const { stdout } = await promisify(execFile)(command, args, { env });
      assert.match(stdout, /^drop-1 /);
      assert.equal(requests, 3);
      const { items } = await stack.call("GET", stack.messages(channel));
      assert.deepEqual(items.map((item) => item.id), ["drop-1"]);
      // What is wrong for good is said at once.
      const other = [example(file), channel, "drop-1", "ANOTHER"];
      await assert.rejects(promisify(execFile)(command, other, { env }), /409/);
      assert.equal(requests, 4);
    } finally {
      front.close();
    }
  });
}
