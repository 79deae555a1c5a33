// Draws the pictures of the book: the console of three real nodes under load, of which one has been
// killed, then flooded, then without their Redis; and the timeouts of an environment that violates
// rules. `make test` does not run it.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { browser } from "../../tools/testing/browser.mjs";
import { PROJECT, Stack, eventually } from "../../tools/testing/stack.mjs";
import { attack, open, startConsole } from "./test/console.mjs";

const { io } = createRequire(join(PROJECT, "tools/package.json"))("socket.io-client");
const PLUGINS = 60;
const LOAD = 20_000;
const STRANGER = { path: "/websockets", auth: { key: "hfk_wrong" }, transports: ["websocket"], forceNew: true };
const picture = (name) => join(PROJECT, "docs/src/pictures", name);

async function plugin(stack, number) {
  const key = await stack.key(`streamer-${number}`);
  const transports = number % 5 ? ["websocket"] : ["polling", "websocket"];
  const settings = { path: "/websockets", auth: { key }, transports, withCredentials: true, forceNew: true };
  const socket = io(`${stack.url}/dropcodes`, settings);
  socket.onAny((_event, _data, message, ack) => ack(message.id));
}

const stack = await Stack.start({ server: ["handshakes_per_address: 2", "failed_keys_per_address: 10"] });
const chromium = await browser();
const shown = await startConsole(["--env", "test", "--url", stack.url], stack);
for (let number = 0; number < PLUGINS; number++) await plugin(stack, number);
const page = await open(chromium, shown.url, { colorScheme: "light", viewport: { width: 1280, height: 900 } });
const end = Date.now() + LOAD;
for (let number = 0; Date.now() < end; number++) {
  await stack.publish(`streamer-${number % PLUGINS}`, { data: { code: `AB-${number}` } });
  if (number % 50 === 0) io(`${stack.url}/dropcodes`, STRANGER);
}
await stack.local("kill", "node-2");
await page.getByText("node-4 answers").waitFor();
await page.screenshot({ path: picture("console-nodes.png") });

/** Publishes until what it returns is called. */
function load() {
  let over = false;
  const done = (async () => {
    for (let number = 0; !over; number++) {
      await stack.publish(`streamer-${number % PLUGINS}`, { data: { code: `CD-${number}` } }).catch(() => {});
    }
  })();
  return () => ((over = true), done);
}

const [quiet, calm] = [load(), attack(stack)];
const refused = page.getByRole("region", { name: "Who is refused" });
for (const text of [/banned after too many wrong keys/, /too many handshakes from one address/]) {
  await refused.getByRole("cell", { name: text }).first().waitFor();
}
await refused.scrollIntoViewIfNeeded();
await refused.screenshot({ path: picture("console-flood.png") });
await calm();
await quiet();
await stack.local("redis", "kill");
await page.getByText("Redis is ended").first().waitFor();
await eventually("its absence is counted", async () => {
  void stack.publish("streamer-1", { data: 1 }).catch(() => {});
  return page.getByText(/errors\/s/).nth(1).isVisible();
});
await page.evaluate(() => scrollTo(0, 0));
await page.screenshot({ path: picture("console-redis.png") });

const broken = "extends: local-cluster\nload_balancer: { idle_timeout: 50s }\nserver: { drain: 10s }\n";
writeFileSync(join(stack.directory, "environments/broken.yaml"), broken);
const other = await startConsole(["--env", "broken", "--url", stack.url], stack);
const narrow = { colorScheme: "dark", viewport: { width: 400, height: 860 } };
const timeouts = await open(chromium, other.url, narrow);
await timeouts.evaluate(() => (location.hash = "#/stack"));
await eventually("the picture is there", () => timeouts.locator("g.pair").count());
await timeouts.screenshot({ path: picture("console-stack.png") });

other.stop();
shown.stop();
await chromium.close();
await stack.stop();
process.exit();
