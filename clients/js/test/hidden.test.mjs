// An overlay that Chromium itself hides, through a deployment. The timers of a page that is hidden
// for long fire once a minute: <https://developer.chrome.com/blog/timer-throttling-in-chrome-88>.
// A flag makes that begin after seconds here. `HIDDEN_MINUTES=10 node --test hidden.test.mjs` hides
// the page for ten minutes instead, with Chromium as it comes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { site } from "../../../tools/testing/browser.mjs";
import { devtools } from "../../../tools/testing/devtools.mjs";
import { PATIENCE, PROJECT, Stack, eventually } from "../../../tools/testing/stack.mjs";

const MINUTES = Number(process.env.HIDDEN_MINUTES ?? 0);
const SOON = "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/2";
/** How long an alert is on show, in ms. */
const SHOWN = 1000;
/** What this machine's clock and the service's may be apart, in ms. */
const APART = 500;
const ENVIRONMENT = `\
extends: local-cluster
load_balancer: { deregistration_delay: 7s }
service: { stop_timeout: 13s }
server:
  drain: 8s
`;
const file = (name) => readFileSync(join(PROJECT, name), "utf8");
let stack, chromium, pages;

before(async () => {
  pages = await site({
    "/": () => file("examples/overlay/index.html"),
    "/holdfast-plugin.js": () => file("clients/js/dist/holdfast-plugin.js"),
  });
  const server = [`cors_origins: ["http://127.0.0.1:${pages.port}"]`];
  [stack, chromium] = await Promise.all([
    Stack.start({ environment: ENVIRONMENT, server }),
    devtools(MINUTES ? [] : [SOON]),
  ]);
});

after(async () => {
  await chromium?.stop();
  await stack?.stop();
  pages?.stop();
});

/** Notes when each alert comes and goes, and when a timer of a second fires. */
const WATCH = `{
  window.log = [], window.states = [], window.ticks = [Date.now()];
  const alert = document.getElementById("alert");
  const look = () => {
    if (alert.classList.contains("on")) log.push({ id: alert.textContent, on: Date.now() });
    else log.at(-1).off = Date.now();
  };
  new MutationObserver(look).observe(alert, { attributeFilter: ["class"] });
  setInterval(() => ticks.push(Date.now()), 1000);
  plugin.onState(({ connection }) => states.push(connection));
}`;

/**
 * Hides the page behind the other one. Its timers fire once a second at first, and once a minute
 * after `MINUTES`. With the flag Chromium begins after seconds, though not each time: then they fire
 * once a second to the end. Returns which it is.
 */
async function hide(page, other) {
  const throttled = () => page.evaluate("Date.now() - ticks.at(-1) > 6000");
  await other.front();
  await eventually("it is hidden", () => page.evaluate("document.visibilityState === 'hidden'"));
  if (MINUTES) {
    await new Promise((resolve) => setTimeout(resolve, MINUTES * 60_000));
    return eventually("its timers fire once a minute", throttled);
  }
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    if (await throttled()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

test("hidden, a deployment, eight alerts: each is shown once, none after its expiry", async (t) => {
  const key = await stack.key("c");
  const settings = `key=${key}&url=${stack.url}&seconds=${SHOWN / 1000}`;
  const page = await chromium.open(`http://127.0.0.1:${pages.port}/#${settings}`);
  await stack.connected("c");
  await page.evaluate(WATCH);
  await stack.publish("c", { id: "first", data: { code: "first" } });
  await stack.becomes("c", "first", "acknowledged");
  const other = await chromium.open("about:blank");
  const throttled = await hide(page, other);
  t.diagnostic(`its timers fire once a ${throttled ? "minute" : "second"}`);

  const { steps } = await stack.local("deploy");
  assert.ok(steps.some(({ type }) => type === "deployment_ended"), JSON.stringify(steps));
  await stack.connected("c");
  await stack.publish("c", { id: "brief", data: { code: "brief" }, ttl: 2000 });
  const ids = Array.from({ length: 8 }, (_, n) => `m${n}`);
  for (const [n, id] of ids.entries()) {
    const deliver_at = new Date(Date.now() + 500 + n).toISOString();
    await stack.publish("c", { id, data: { code: id }, deliver_at, ttl: 300_000 });
  }
  for (const id of ids) await stack.becomes("c", id, "delivered");
  await stack.becomes("c", "brief", "expired");
  assert.deepEqual(await page.evaluate("log.splice(0).map(({ id }) => id)"), ["first"]);
  // The node that left told its client, which no timer had to remind.
  const states = await page.evaluate("states");
  assert.deepEqual([...new Set(states)], ["online"], "it was never away");

  const seen = Date.now();
  await page.front();
  const messages = [];
  for (const id of ids) messages.push(await stack.becomes("c", id, "acknowledged"));
  const log = await page.evaluate("log");
  assert.deepEqual(log.map(({ id }) => id), ids);
  for (const [n, { receipts }] of messages.entries()) {
    const [{ status, acknowledged_at, emitted_at }] = receipts;
    assert.equal(status, "shown");
    assert.ok(Date.parse(emitted_at) < seen + APART, "it waited in the page");
    const said = Date.parse(acknowledged_at);
    const { id, on, off } = log[n];
    assert.ok(on >= seen && off - on >= SHOWN - 50, `${id} was on show from ${on} to ${off}`);
    // It is there before the next alert has gone.
    const latest = log[n + 1]?.off ?? off + PATIENCE;
    assert.ok(said > off - APART && said < latest + APART, `${id}: ${off}, ${said}, ${latest}`);
  }
  if (MINUTES) t.diagnostic(`its timer of a second fired ${await page.evaluate("ticks.length")} times`);
});
