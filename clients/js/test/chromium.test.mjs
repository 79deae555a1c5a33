// The package in Chromium, on three nodes behind the model of the load balancer, while things go
// wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browser, site } from "../../../tools/testing/browser.mjs";
import { PROJECT, Stack, eventually } from "../../../tools/testing/stack.mjs";

const file = (name) => readFileSync(join(PROJECT, name), "utf8");
let stack, chromium, pages;

before(async () => {
  const script = () => file("clients/js/dist/holdfast-plugin.js");
  pages = await site({
    "/": () => file("clients/js/test/page.html"),
    "/holdfast-plugin.js": script,
    "/overlay/": () => file("examples/overlay/index.html"),
    "/overlay/holdfast-plugin.js": script,
  });
  const origins = [`http://127.0.0.1:${pages.port}`, `http://studio.test:${pages.port}`];
  stack = await Stack.start({
    // A heartbeat that notices a stopped node while a test waits.
    server: [`cors_origins: ["${origins.join('", "')}"]`, "ping_interval: 2s", "ping_timeout: 3s"],
  });
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await stack?.stop();
  pages?.stop();
});

/** Opens the test's page with a new key of the channel, or with `key`. */
async function open(channel, { context, key, host = "127.0.0.1", ...settings } = {}) {
  key ??= await stack.key(channel);
  context ??= await chromium.newContext();
  const page = await context.newPage();
  const hash = encodeURIComponent(JSON.stringify({ url: stack.url, key, ...settings }));
  await page.goto(`http://${host}:${pages.port}/#${hash}`);
  return { page, context, key };
}

const shown = (page) => page.evaluate(() => shown.map(({ id }) => id));
const outcomes = (page) => page.evaluate(() => outcomes);
/** Waits until the page is done with this many messages. */
const done = (page, count) =>
  eventually(`${count} outcomes`, async () => (await outcomes(page)).length >= count);

/**
 * Publishes messages named by number. They are due in this order: of messages that are due at once,
 * each node takes the moment from its own measure of the time.
 */
async function publish(channel, count, more = {}) {
  const ids = Array.from({ length: count }, (_, n) => `m${n}`);
  const soon = Date.now() + 2000;
  await Promise.all(
    ids.map((id, n) => {
      const deliver_at = new Date(soon + 10 * n).toISOString();
      return stack.publish(channel, { id, data: { code: id }, deliver_at, ...more });
    }),
  );
  return ids;
}

test("each message is shown once, in order, and acknowledged when it is shown", async () => {
  const { page, context } = await open("order", { takes: 400 });
  await stack.connected("order");
  const ids = await publish("order", 5);
  await eventually("the first is on show", async () => (await shown(page)).length > 0);
  const last = await stack.call("GET", `${stack.messages("order")}/m4`);
  assert.notEqual(last.state, "acknowledged");
  await done(page, 5);
  assert.deepEqual(await shown(page), ids);
  for (const id of ids) await stack.becomes("order", id, "acknowledged");
  await context.close();
});

test("hidden, a deployment, then eight alerts: each is shown once, none after its expiry", async () => {
  const channel = "overlay";
  const key = await stack.key(channel);
  const context = await chromium.newContext();
  const page = await context.newPage();
  const log = [];
  await page.exposeFunction("note", (text) => log.push(text));
  await page.addInitScript(() => {
    addEventListener("DOMContentLoaded", () => {
      const alert = document.getElementById("alert");
      const look = () => alert.classList.contains("on") && note(alert.textContent);
      new MutationObserver(look).observe(alert, { attributeFilter: ["class"] });
    });
  });
  const hash = `key=${key}&url=${stack.url}&seconds=2`;
  await page.goto(`http://127.0.0.1:${pages.port}/overlay/#${hash}`);
  await stack.connected(channel);
  const obs = (detail) =>
    page.evaluate((d) => dispatchEvent(new CustomEvent("obsSourceVisibleChanged", { detail: d })), detail);
  await obs({ visible: false });
  await stack.publish(channel, { id: "brief", data: { code: "brief" }, ttl: 3000 });
  await stack.becomes(channel, "brief", "delivered");
  const ids = await publish(channel, 8, { ttl: 300_000 });
  for (const id of ids) await stack.becomes(channel, id, "delivered");
  await stack.becomes(channel, "brief", "expired");
  // Every node is replaced: the connection moves, and what waits is delivered anew.
  const { steps } = await stack.local("deploy");
  assert.ok(steps.some((step) => step.type === "deployment_ended"), JSON.stringify(steps));
  await stack.connected(channel);
  assert.deepEqual(log, []);
  await obs({ visible: true });
  for (const id of ids) await stack.becomes(channel, id, "acknowledged");
  assert.deepEqual(log, ids);
  const brief = await stack.call("GET", `${stack.messages(channel)}/brief`);
  assert.equal(brief.state, "expired");
  await context.close();
});

test("a covered page holds its messages, and drops those that expire meanwhile", async () => {
  const { page, context } = await open("covered");
  await stack.connected("covered");
  await page.evaluate(() => cover(true));
  await stack.publish("covered", { id: "brief", data: 1, ttl: 6000 });
  await stack.publish("covered", { id: "long", data: 1 });
  await eventually("both are here", () => page.evaluate(() => plugin.state.waiting === 2));
  await stack.becomes("covered", "brief", "expired");
  // This machine's clock may be a little behind the service's.
  await page.evaluate(() => cover(false));
  await stack.becomes("covered", "long", "acknowledged");
  assert.deepEqual(await outcomes(page), ["brief expired", "long shown"]);
  await context.close();
});

test("a page without a network comes back, and shows what was sent meanwhile once", async () => {
  const { page, context } = await open("network");
  await stack.connected("network");
  await stack.publish("network", { id: "before", data: 1 });
  await stack.becomes("network", "before", "acknowledged");
  await context.setOffline(true);
  await eventually("it knows", () => page.evaluate(() => plugin.state.connection === "offline"));
  const ids = await publish("network", 3);
  await context.setOffline(false);
  for (const id of ids) await stack.becomes("network", id, "acknowledged");
  assert.deepEqual(await shown(page), ["before", ...ids]);
  await context.close();
});

test("messages under way when nodes are killed or stopped are shown once", async () => {
  const { page, context } = await open("killed", { takes: 300 });
  await stack.connected("killed");
  const ids = await publish("killed", 12);
  await eventually("it has begun", async () => (await shown(page)).length > 1);
  const { nodes } = await stack.local("status", "--wait");
  for (const { id } of nodes.slice(0, 2)) await stack.local("kill", id);
  await stack.local("stop", nodes[2].id);
  await done(page, 12);
  for (const id of ids) await stack.becomes("killed", id, "acknowledged");
  assert.deepEqual(await shown(page), ids);
  await stack.local("status", "--wait");
  await context.close();
});

test("what waits for longer than the service waits for an acknowledgement is not sent again", async () => {
  const { page, context } = await open("lease", { takes: 3000 });
  await stack.connected("lease");
  const ids = await publish("lease", 7);
  await done(page, 7);
  assert.deepEqual(await shown(page), ids);
  assert.deepEqual(await page.evaluate(() => received), ids);
  await context.close();
});

test("a slow machine shows a burst once and in order", async () => {
  const { page, context } = await open("slow", { takes: 20 });
  const tools = await context.newCDPSession(page);
  await tools.send("Emulation.setCPUThrottlingRate", { rate: 6 });
  const ids = await publish("slow", 40);
  await done(page, 40);
  assert.deepEqual(await shown(page), ids);
  for (const id of ids) await stack.becomes("slow", id, "acknowledged");
  await context.close();
});

for (const seen of ["localStorage", "indexedDb"]) {
  test(`a reload before the acknowledgement shows nothing twice: ${seen}`, async () => {
    const channel = `reload-${seen}`;
    const { page, context } = await open(channel, { seen });
    await stack.connected(channel);
    await page.evaluate(() => {
      // The acknowledgement gets lost.
      const emit = plugin.socket.emit.bind(plugin.socket);
      plugin.socket.emit = (event, ...rest) => (event === "ack" ? plugin.socket : emit(event, ...rest));
    });
    await publish(channel, 1);
    await done(page, 1);
    await page.reload();
    await stack.becomes(channel, "m0", "acknowledged");
    assert.deepEqual(await shown(page), []);
    await context.close();
  });
}

// By locks, and on a page over HTTP, which has none.
for (const host of ["127.0.0.1", "studio.test"]) {
  test(`of two tabs with a key one shows, and the other takes over: ${host}`, async () => {
    const channel = `tabs-${host}`;
    const first = await open(channel, { host });
    await stack.connected(channel);
    const { context, key } = first;
    const second = await open(channel, { context, key, host });
    assert.equal(await second.page.evaluate(() => "locks" in navigator), host === "127.0.0.1");
    await stack.publish(channel, { id: "one", data: 1 });
    await stack.becomes(channel, "one", "acknowledged");
    assert.deepEqual(await shown(first.page), ["one"]);
    assert.equal(await second.page.evaluate(() => plugin.state.connection), "standby");
    await first.page.close();
    await stack.publish(channel, { id: "two", data: 1 });
    await stack.becomes(channel, "two", "acknowledged");
    assert.deepEqual(await shown(second.page), ["two"]);
    await context.close();
  });
}

for (const host of ["127.0.0.1", "studio.test"]) {
  test(`of two scenes with a key the one that is seen shows: ${host}`, async () => {
    const channel = `scenes-${host}`;
    const a = await open(channel, { host });
    await stack.connected(channel);
    const { context, key } = a;
    const cover = (covered) => ({ page }) => page.evaluate((value) => window.cover(value), covered);
    const [hide, show] = [cover(true), cover(false)];
    await hide(a);
    await stack.publish(channel, { id: "one", data: 1 });
    await eventually("it waits", () => a.page.evaluate(() => plugin.state.waiting === 1));
    // One hidden source stays connected, and another hidden one changes nothing.
    const b = await open(channel, { context, key, host, hidden: true });
    assert.equal(await a.page.evaluate(() => plugin.state.connection), "online");
    await show(b);
    await stack.becomes(channel, "one", "acknowledged");
    assert.deepEqual([await shown(a.page), await shown(b.page)], [[], ["one"]]);
    assert.deepEqual(await a.page.evaluate(() => plugin.state), {
      connection: "standby",
      held: true,
      waiting: 0,
    });
    // A transition: both are seen for a moment.
    await show(a);
    await hide(b);
    await stack.publish(channel, { id: "two", data: 1 });
    await stack.becomes(channel, "two", "acknowledged");
    assert.deepEqual([await shown(a.page), await shown(b.page)], [["two"], ["one"]]);
    await context.close();
  });
}

test("a scene that goes off air shows its message to the end, and the other one the next", async () => {
  const channel = "scene-ends";
  const a = await open(channel, { takes: 3000 });
  await stack.connected(channel);
  const { context, key } = a;
  const b = await open(channel, { context, key, hidden: true });
  const ids = await publish(channel, 2);
  await eventually("it is on show", async () => (await shown(a.page)).length === 1);
  await a.page.evaluate(() => cover(true));
  await b.page.evaluate(() => cover(false));
  for (const id of ids) await stack.becomes(channel, id, "acknowledged");
  assert.deepEqual([await shown(a.page), await shown(b.page)], [["m0"], ["m1"]]);
  await context.close();
});

test("a listener that fails keeps no message from being shown", async () => {
  const { page, context } = await open("throws");
  await stack.connected("throws");
  await page.evaluate(() => {
    const fail = () => {
      throw new Error("no");
    };
    plugin.onState(fail);
    plugin.onOutcome(fail);
  });
  await publish("throws", 2);
  for (const id of ["m0", "m1"]) {
    const { receipts } = await stack.becomes("throws", id, "acknowledged");
    assert.deepEqual(receipts.map(({ status }) => status), ["shown"]);
  }
  assert.deepEqual(await outcomes(page), ["m0 shown", "m1 shown"]);
  await context.close();
});

test("a repeat of a message that was skipped is not said to be shown", async () => {
  const { page, context } = await open("skip", { takes: 600_000 });
  await stack.connected("skip");
  await page.evaluate(() => {
    // The acknowledgement gets lost.
    const emit = plugin.socket.emit.bind(plugin.socket);
    plugin.socket.emit = (event, ...rest) => (event === "ack" ? plugin.socket : emit(event, ...rest));
  });
  await publish("skip", 1);
  await eventually("it is on show", async () => (await shown(page)).length === 1);
  await page.evaluate(() => plugin.skip());
  await done(page, 1);
  await page.reload();
  const { receipts } = await stack.becomes("skip", "m0", "acknowledged");
  assert.deepEqual(receipts.map(({ status }) => status), ["received"]);
  await context.close();
});

test("a refused source keeps none with a valid key of the same name out", async () => {
  const key = await stack.key("renewed");
  const wrong = `${key.slice(0, -4)}xxxx`;
  const { page, context } = await open("renewed", { key: wrong });
  await eventually("it is refused", () => page.evaluate(() => plugin.state.connection === "refused"));
  const next = await open("renewed", { key, context });
  await stack.connected("renewed");
  await next.page.evaluate(() => {
    plugin.close();
    plugin.close();
    plugin.pause();
  });
  await context.close();
});

test("a refused key is final, and says why", async () => {
  const { page, context } = await open("refused", { key: "hfk_wrong" });
  await eventually("it says so", () => page.evaluate(() => plugin.state.connection === "refused"));
  assert.equal(await page.evaluate(() => plugin.state.reason), "invalid_key");
  await context.close();
});

test("what is skipped or fails is acknowledged as that, and the next one comes", async () => {
  const { page, context } = await open("fails", { options: { attempts: 2, retryDelay: 10 } });
  await stack.connected("fails");
  await page.evaluate(() => {
    plugin.on("broken", () => Promise.reject(new Error("no")));
  });
  await stack.publish("fails", { id: "a", event: "broken", data: 1 });
  await stack.publish("fails", { id: "b", event: "nobody-knows-it", data: 1 });
  await stack.publish("fails", { id: "c", data: 1 });
  for (const id of ["a", "b", "c"]) await stack.becomes("fails", id, "acknowledged");
  // While one waits for its next try, others may pass.
  const said = await outcomes(page);
  assert.deepEqual(said.sort(), ["a failed", "b skipped", "c shown"]);
  await context.close();
});
