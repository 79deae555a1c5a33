// A flood of three real nodes behind the model of the load balancer, understood from the page alone:
// who is refused, why, from where, until when, and whether plugins suffer. The attackers have
// addresses of their own: all of 127.0.0.0/8 is this machine.
import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, test } from "node:test";

import { browser } from "../../../tools/testing/browser.mjs";
import { PATIENCE, Stack } from "../../../tools/testing/stack.mjs";
import { attack, open, plugin, startConsole } from "./console.mjs";

const LIMITS = ["handshakes_per_address: 1", "failed_keys_per_address: 10"];
let stack, chromium, console_;

before(async () => {
  stack = await Stack.start({ server: LIMITS });
  chromium = await browser();
  console_ = await startConsole(["--env", "test", "--url", stack.url], stack);
});

after(async () => {
  console_?.stop();
  await chromium?.close();
  await stack?.stop();
});

test("a flood is understood from the page: who, why, from where, until when, and who suffers", async () => {
  const sockets = [await plugin(stack, "streamer-1"), await plugin(stack, "streamer-2")];
  const page = await open(chromium, console_.url);
  const refused = page.getByRole("region", { name: "Who is refused" });
  await refused.getByText("Nobody was refused in the last minute, and nobody is banned.").waitFor();

  const end = attack(stack);
  const network = (text) => refused.getByRole("region", { name: "Networks" }).getByRole("row", { name: text });
  const bounded = AbortSignal.timeout(PATIENCE);
  await network(/^127\.66\.0\.0\/24 [\d,]+ .*wrong key \d+.* 1 address until \d\d:\d\d:\d\d/).waitFor();
  await network(/^127\.66\.0\.0\/24 .*banned after too many wrong keys [\d,]+/).waitFor();
  await network(/^127\.77\.0\.0\/24 [\d,]+ too many handshakes from one address [\d,]+.* no$/).waitFor();
  await refused.getByText(/refused in the last minute, from 2 networks: /).waitFor();
  await page.locator(".happenings").getByText("127.66.0.0/24 is banned: too many wrong keys").waitFor();
  await page.locator(".tile", { hasText: "Refused" }).getByText("1 address banned").waitFor();
  assert.ok(!bounded.aborted, "it took more than a minute");

  // Who may come does, and gets its messages.
  await refused.getByText("clients are well").waitFor();
  await refused.getByText(/No client with a valid key was refused\. 2 sockets are connected/).waitFor();
  const newcomer = await plugin(stack, "newcomer");
  await stack.publish("newcomer", { id: "m", data: 1 });
  await stack.becomes("newcomer", "m", "acknowledged");
  await refused.getByText(/3 sockets are connected/).waitFor();
  await end();
  for (const socket of [...sockets, newcomer]) socket.close();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("it is said when clients with a valid key are refused", async () => {
  const { key } = await stack.call("POST", "/v1/keys", {
    channel: "shared",
    namespaces: ["dropcodes"],
    max_sockets: 1,
  });
  const first = await plugin(stack, "shared", key);
  const authorization = `ApiKey ${key}`;
  const path = "/websockets/?EIO=4&transport=polling";
  // The bound is one socket a node: the balancer sends these to all of them.
  const handshakes = Array.from({ length: 6 }, () => {
    return new Promise((resolve) => get(`${stack.url}${path}`, { headers: { authorization } }, (answer) => resolve(answer.resume().statusCode)));
  });
  assert.ok((await Promise.all(handshakes)).includes(429));
  const page = await open(chromium, console_.url);
  const refused = page.getByRole("region", { name: "Who is refused" });
  await refused.getByText("clients suffer").waitFor();
  await refused.getByText(/Clients with a valid key were refused: a valid key has too many sockets \d/).waitFor();
  first.close();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
