// A rolling deployment of three nodes behind the model of the load balancer, and what plugins see
// of it: in Node, and in Chromium while alerts run.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as dial, createServer } from "node:net";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { connect, memory } from "../dist/index.js";
import { browser, site } from "../../../tools/testing/browser.mjs";
import { PROJECT, Stack, eventually } from "../../../tools/testing/stack.mjs";

const { io } = createRequire(join(PROJECT, "clients/js/package.json"))("socket.io-client");
/** A drain whose half is enough for the next connection on a busy machine. */
const ENVIRONMENT = `\
extends: local-cluster
load_balancer: { deregistration_delay: 12s }
service: { stop_timeout: 21s }
server:
  drain: 16s
`;
const file = (name) => readFileSync(join(PROJECT, name), "utf8");
let stack, chromium, pages;

before(async () => {
  pages = await site({
    "/": () => file("clients/js/test/page.html"),
    "/holdfast-plugin.js": () => file("clients/js/dist/holdfast-plugin.js"),
  });
  const environment = ENVIRONMENT;
  const server = [`cors_origins: ["http://127.0.0.1:${pages.port}"]`];
  [stack, chromium] = await Promise.all([Stack.start({ environment, server }), browser()]);
});

after(async () => {
  await chromium?.close();
  await stack?.stop();
  pages?.stop();
});

/** A plugin in Node, and what it has been through. */
async function inNode(channel, { key = {}, url = stack.url } = {}) {
  const body = { channel, namespaces: ["dropcodes"], ...key };
  const issued = await stack.call("POST", "/v1/keys", body);
  const plugin = connect(url, { key: issued.key, seen: memory(), oneSource: false });
  const one = { channel, plugin, states: [], sockets: new Set(), shown: [], outcomes: [] };
  plugin.on("code", (_, message) => void one.shown.push(message.id));
  plugin.onOutcome(({ id }, outcome) => one.outcomes.push(`${id} ${outcome}`));
  plugin.onState(({ connection }) => {
    if (connection === "online") one.sockets.add(plugin.socket.id);
    if (connection !== one.states.at(-1)) one.states.push(connection);
  });
  await eventually(`${channel} is online`, () => plugin.state.connection === "online");
  return one;
}

/** A page in Chromium, whose list `states` is the same. */
async function inChromium(channel, { key, context } = {}) {
  key ??= await stack.key(channel);
  context ??= await chromium.newContext();
  const page = await context.newPage();
  const settings = { url: stack.url, key, takes: 150 };
  await page.goto(`http://127.0.0.1:${pages.port}/#${encodeURIComponent(JSON.stringify(settings))}`);
  await eventually("it has its turn or waits", () =>
    page.evaluate(() => ["online", "standby"].includes(plugin.state.connection)),
  );
  await page.evaluate(() => {
    window.states = [];
    plugin.onState(({ connection, reason }) => {
      const state = [connection, reason].filter(Boolean).join(": ");
      if (state !== states.at(-1)) states.push(state);
    });
  });
  return { channel, page, context, key };
}

/** A client of the official library, and what it gets. */
async function plain(channel, query) {
  const auth = { key: await stack.key(channel) };
  const options = { path: "/websockets", auth, query, transports: ["websocket"], forceNew: true };
  const socket = io(`${stack.url}/dropcodes`, { ...options, reconnection: false });
  const got = [];
  socket.onAny((...event) => got.push(event));
  const ended = new Promise((resolve) => socket.on("disconnect", (why) => resolve(got.push([why]))));
  await once(socket, "connect");
  return { got, ended };
}

/** Publishes to a channel until `ended`; the ids. */
async function publish(channel, ended) {
  const ids = [];
  let over = false;
  void ended.then(() => (over = true));
  while (!over) {
    const id = `m${ids.length}`;
    await stack.publish(channel, { id, data: { code: id } });
    ids.push(id);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  return ids;
}

/** By number: nodes that are asked in turn take "now" from their own measures of the time. */
const ordered = (ids) => ids.sort((one, other) => one.slice(1) - other.slice(1));

/** A way to the first node that `turn` leads to another one, as the load balancer's does late. */
async function detour() {
  const { nodes } = await stack.local("status");
  let [host, port] = nodes[0].address.split(":");
  let taken = 0;
  const streams = [];
  const server = createServer((near) => {
    taken += 1;
    const far = dial(Number(port), host);
    streams.push(near, far);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    taken: () => taken,
    async turn() {
      const leaving = nodes.map(({ id }) => id);
      const { nodes: now } = await stack.local("status");
      const stays = now.find(({ id, health }) => !leaving.includes(id) && health === "healthy");
      [host, port] = stays.address.split(":");
    },
    stop() {
      server.close();
      streams.forEach((stream) => stream.destroy());
    },
  };
}

test("over a rolling deployment no plugin is away, and each message is shown once", async (t) => {
  const way = await detour();
  const node = await Promise.all([
    ...Array.from({ length: 6 }, (_, n) => inNode(`node-${n}`)),
    inNode("one-socket", { key: { max_sockets: 1 } }),
  ]);
  const late = await inNode("late", { url: way.url });
  node.push(late);
  const shows = await inChromium("chromium");
  await stack.connected("chromium");
  const waits = await inChromium("chromium", shows);
  const [asks, asksNot] = [await plain("asks", { moved: 1 }), await plain("asks-not", {})];

  let deployed;
  const deployment = new Promise((resolve) => (deployed = resolve));
  const channels = [...node.map(({ channel }) => channel), "chromium"];
  const published = Promise.all(channels.map((channel) => publish(channel, deployment)));
  const deploying = stack.local("deploy").finally(deployed);
  const tried = way.taken();
  // The node that leaves is asked again, and answers 503, until the way leads elsewhere.
  await eventually("a next connection was tried", () => way.taken() > tried);
  await way.turn();
  const { steps } = await deploying;
  assert.ok(steps.some(({ type }) => type === "deployment_ended"), JSON.stringify(steps));
  const ids = await published;

  for (const [index, one] of node.entries()) {
    await t.test(`in Node: ${one.channel}`, async () => {
      await eventually("all are shown", () => one.outcomes.length >= ids[index].length);
      assert.deepEqual(ordered(one.shown), ids[index]);
      assert.deepEqual(one.states, ["connecting", "online"]);
      assert.ok(one.sockets.size > 1, "its node was replaced");
      const last = await stack.becomes(one.channel, ids[index].at(-1), "acknowledged");
      assert.deepEqual(last.receipts.map(({ status }) => status), ["shown"]);
      one.plugin.close();
    });
  }
  await t.test("in Chromium: one of two tabs, while alerts run", async () => {
    const { page } = shows;
    const all = ids.at(-1);
    await eventually("all are shown", () => page.evaluate((n) => outcomes.length >= n, all.length));
    assert.deepEqual(ordered(await page.evaluate(() => shown.map(({ id }) => id))), all);
    assert.deepEqual(await page.evaluate(() => states), ["online"]);
    assert.deepEqual(await waits.page.evaluate(() => [states, shown]), [["standby"], []]);
    await stack.connected("chromium");
  });
  await t.test("a client of the library sees what it asked for", async () => {
    await Promise.all([asks.ended, asksNot.ended]);
    assert.deepEqual(asks.got, [["moved"], ["transport close"]]);
    assert.deepEqual(asksNot.got, [["transport close"]]);
  });
  way.stop();
});
