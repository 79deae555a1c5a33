// The console in Chromium, of three real nodes behind the model of the load balancer: what it shows,
// what is done by it, and what is done to the nodes meanwhile.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browser } from "../../../tools/testing/browser.mjs";
import { PROJECT, Stack, THREE_NODES, eventually } from "../../../tools/testing/stack.mjs";
import { open, plugin as connect, startConsole } from "./console.mjs";

const { io } = createRequire(join(PROJECT, "tools/package.json"))("socket.io-client");
let stack, chromium, console_;

before(async () => {
  stack = await Stack.start({ server: ["max_message: 262144"] });
  chromium = await browser();
  console_ = await startConsole(["--env", "test", "--url", stack.url], stack);
});

after(async () => {
  console_?.stop();
  await chromium?.close();
  await stack?.stop();
});

const plugin = (channel, key) => connect(stack, channel, key);

/** Opens the page on a view. */
async function at(view, options) {
  const page = await open(chromium, console_.url, options);
  if (view) await page.evaluate((hash) => (location.hash = hash), view);
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

const tile = (page, name) => page.locator(".tile", { hasText: name }).locator("dd");
const channel = (name) => `#/channels/dropcodes/${name}`;
/** A row of the table with this name that has this text. */
const row = (page, table, text) => page.getByRole("region", { name: table, exact: true }).getByRole("row", { name: text });

test("figures of real nodes are on the page", async () => {
  const socket = await plugin("figures");
  const page = await at();
  await tile(page, "Nodes").getByText("3", { exact: true }).waitFor();
  await row(page, "Sockets", "dropcodes websocket 5 1").waitFor();
  await stack.publish("figures", { id: "one", data: 1 });
  await stack.becomes("figures", "one", "acknowledged");
  await row(page, "Counters", /message acknowledged .* 1$/).waitFor();
  // Some bucket of the lateness has it.
  await page.locator("section", { hasText: "Lateness, last minute" }).getByRole("row", { name: /ms 1$/ }).waitFor();
  await tile(page, "Late, p99").getByText(/[≤>] [\d.]+ m?s/).waitFor();
  await tile(page, "Store, p99").getByText(/≤ [\d.]+ ms/).first().waitFor();
  const wrong = io(`${stack.url}/dropcodes`, {
    path: "/websockets",
    auth: { key: "hfk_wrong" },
    transports: ["websocket"],
    forceNew: true,
  });
  await new Promise((resolve) => wrong.once("connect_error", resolve));
  await row(page, "Counters", /refused invalid key/).waitFor();
  wrong.close();
  socket.close();
  await close(page);
});

test("a message sent from the page arrives, and its timeline is shown", async () => {
  const socket = await plugin("sent");
  const page = await at("#/channels");
  await page.getByLabel("Name begins with").fill("sen");
  await page.getByRole("link", { name: "sent 1 key" }).click();
  await page.getByText("1 socket connected").waitFor();
  await row(page, "Keys", /on node-\d .*websocket, protocol 5/).waitFor();
  await page.getByRole("button", { name: "Send …" }).click();
  const form = page.getByRole("dialog", { name: "Send a message" });
  await form.getByLabel("Event").fill("alert");
  await form.getByLabel("Data, as JSON or text").fill('{"code": "FROM-THE-PAGE"}');
  await form.getByRole("button", { name: "Send" }).click();
  await eventually("it arrives", () => socket.received.length === 1);
  assert.deepEqual(socket.received, [{ event: "alert", data: { code: "FROM-THE-PAGE" } }]);
  await row(page, "Messages", /^acknowledged console-/).getByRole("link").click();
  await page.locator(".why").getByText(/acknowledged/).first().waitFor();
  for (const event of ["stored", "emitted", "acknowledged"]) {
    await row(page, "Timeline", new RegExp(` ${event}`)).first().waitFor();
  }
  await page.getByText('"code": "FROM-THE-PAGE"').waitFor();
  socket.close();
  await close(page);
});

test("why a message did not arrive is said", async () => {
  await stack.publish("nobody", { id: "lost", data: 1 });
  const page = await at(`${channel("nobody")}/lost`);
  await page.locator(".why").getByText("no key", { exact: true }).waitFor();
  await page.locator(".why").getByText(/This channel has no key/).waitFor();
  await close(page);
});

test("a scheduled message counts down, and is cancelled only when that is confirmed", async () => {
  await stack.key("later");
  const page = await at(channel("later"));
  await page.getByText("No message is scheduled.").waitFor();
  await page.getByRole("button", { name: "Send …" }).click();
  await page.getByLabel("In seconds; 0 is now").fill("3600");
  await page.getByRole("dialog").getByRole("button", { name: "Schedule" }).click();
  const coming = row(page, "Messages to come", /^59 min/);
  const shown = await coming.locator(".count").textContent();
  await eventually("it counts down", async () => (await coming.locator(".count").textContent()) !== shown);
  await coming.getByRole("button", { name: "Cancel …" }).click();
  await page.getByRole("dialog", { name: "Cancel this message?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const id = await coming.getByRole("link").textContent();
  const state = async () => (await stack.call("GET", `${stack.messages("later")}/${id}`)).state;
  assert.equal(await state(), "scheduled");
  await coming.getByRole("button", { name: "Cancel …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the message" }).click();
  await row(page, "Messages", /^cancelled/).waitFor();
  assert.equal(await state(), "cancelled");
  await close(page);
});

test("a key is issued, shown once, used, and revoked", async () => {
  const page = await at(channel("issued"));
  await page.getByText("No key: nobody can connect to this channel.").waitFor();
  await page.getByRole("button", { name: "Issue a key …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Issue" }).click();
  const key = await page.locator("output.secret").textContent();
  assert.match(key, /^hfk_/);
  const socket = await plugin("issued", key);
  await page.getByRole("button", { name: "I have copied it" }).click();
  await row(page, "Keys", /on node-\d/).waitFor();
  assert.ok(!(await page.content()).includes(key), "the key is still in the page");
  const gone = new Promise((resolve) => socket.once("disconnect", resolve));
  await page.getByRole("button", { name: /^Revoke / }).click();
  await page.getByRole("dialog").getByText(/cannot be undone/).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke the key" }).click();
  assert.equal(await gone, "io server disconnect");
  await page.getByText("No key: nobody can connect to this channel.").waitFor();
  socket.close();
  await close(page);
});

test("a refused message says why, and the dialog stays", async () => {
  const page = await at(channel("refused"));
  await page.getByRole("button", { name: "Send …" }).click();
  await page.getByLabel("Event").fill("connect");
  await page.getByRole("dialog").getByRole("button", { name: "Send" }).click();
  await page.getByRole("dialog").getByRole("alert").getByText(/event/).waitFor();
  await close(page);
});

test("hostile events and data are text", async () => {
  const event = `<img src=x onerror="window.hacked=1">'"\u202Eevil`;
  const data = { text: `</pre><script>window.hacked=1</script>\u202E"'`, long: "\u{1F600}x".repeat(34_000) };
  await stack.publish("hostile", { id: "hostile", event, data });
  const page = await at(channel("hostile"));
  await page.getByRole("cell", { name: event, exact: true }).waitFor();
  await page.getByRole("link", { name: "hostile", exact: true }).click();
  await page.getByText("</pre><script>window.hacked=1</script>").waitFor();
  await page.getByRole("button", { name: /Show all 10\d,\d+ characters/ }).click();
  await eventually("all of it is shown", async () => (await page.locator("pre").textContent()).length > 100_000);
  const found = await page.evaluate(() => ({
    hacked: window.hacked ?? null,
    images: document.querySelectorAll("img").length,
    scripts: document.querySelectorAll("script").length,
  }));
  assert.deepEqual(found, { hacked: null, images: 0, scripts: 1 });
  await close(page);
});

test("a channel is watched live: messages, receipts and hostile data; the key goes with the watch", async () => {
  const keys = async () => (await stack.call("GET", "/v1/keys?channel=watched")).items;
  const page = await at(channel("watched"));
  await page.getByRole("button", { name: "Watch live" }).click();
  const live = page.getByRole("region", { name: "Live", exact: true });
  await live.getByText(/watching through node-\d/).waitFor();
  assert.deepEqual((await keys()).map(({ watch }) => watch), [true]);
  const data = { text: `</td><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202Eevil` };
  await stack.publish("watched", { id: "seen", event: "<b>alert</b>", data });
  const seen = row(page, "Live messages", /seen <b>alert<\/b>/);
  await seen.getByText(JSON.stringify(data)).waitFor();
  // To nobody but the watcher, whose acknowledgement counts nowhere.
  await seen.getByText("0 of 0 acknowledged").waitFor();
  const socket = await plugin("watched");
  await seen.getByText("1 of 1 acknowledged").waitFor();
  await seen.getByText("acknowledged", { exact: true }).waitFor();
  const found = await page.evaluate(() => [window.hacked ?? null, document.querySelectorAll("main img, main script, main b").length]);
  assert.deepEqual(found, [null, 0]);
  await page.getByRole("button", { name: "Stop watching" }).click();
  await live.waitFor({ state: "detached" });
  await eventually("the watcher's key is revoked", async () => (await keys()).every(({ watch }) => !watch));
  socket.close();
  await close(page);
});

test("a killed node is missed, its replacement comes, and Redis away is seen", async () => {
  const page = await at();
  await tile(page, "Nodes").getByText("3", { exact: true }).waitFor();
  const happened = page.locator(".happenings");
  await page.getByRole("button", { name: "Kill node-2" }).click();
  await page.getByRole("dialog", { name: "Kill node-2?" }).getByRole("button", { name: "Kill" }).click();
  await row(page, "Nodes", /^node-2 gone no answer for/).waitFor();
  await happened.getByText(/node-2 has gone/).waitFor();
  await happened.getByText("node-2 does not answer").waitFor();
  await row(page, "Nodes", /^node-4 running, healthy/).waitFor();
  await happened.getByText("node-4 answers").waitFor();

  await page.getByRole("button", { name: "Stop node-1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
  await row(page, "Nodes", /^node-1 stopped/).waitFor();
  await page.getByRole("button", { name: "Continue node-1" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
  await row(page, "Nodes", /^node-1 running/).waitFor();

  await page.getByRole("button", { name: "Kill Redis" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Kill Redis" }).click();
  await page.getByText("Redis is ended").waitFor();
  await row(page, "Nodes", /errors\/s/).first().waitFor();
  await page.getByRole("button", { name: "Restart Redis" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restart Redis" }).click();
  await page.getByText("Redis is running").waitFor();
  await stack.local("status", "--wait");
  await close(page);
});

test("one shard of three is killed and comes back", async () => {
  const environment = THREE_NODES.replace("\n", "\nstore: { redis: { shards: 3 } }\n");
  const sharded = await Stack.start({ environment });
  const shown = await startConsole(["--env", "test", "--url", sharded.url], sharded);
  try {
    const page = await open(chromium, shown.url);
    await page.getByRole("button", { name: "Kill redis-2" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Kill redis-2" }).click();
    await page.getByText("Redis is degraded").waitFor();
    await page.getByRole("button", { name: "Kill redis-1" }).waitFor();
    await page.getByRole("button", { name: "Restart redis-2" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Restart redis-2" }).click();
    await page.getByText("Redis is running").waitFor();
    await close(page);
  } finally {
    shown.stop();
    await sharded.stop();
  }
});
