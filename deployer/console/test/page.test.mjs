// The page by itself: what others may do to it, ten thousand channels, hostile names, narrow
// screens, contrast, the keyboard, and the picture of timeouts.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { browser, site } from "../../../tools/testing/browser.mjs";
import { PROJECT, eventually } from "../../../tools/testing/stack.mjs";
import { fakeServer, open, startConsole } from "./console.mjs";

// The real server takes no such names. One that is not the real one may have them.
const HOSTILE = [`<img src=x onerror="window.hacked=1">`, `"'>\u202Ereversed`, "x".repeat(128), "a/b?c#d%2e"];
const CHANNELS = [...HOSTILE, ...Array.from({ length: 10_000 }, (_, n) => `streamer-${String(n).padStart(5, "0")}`)];
const METRICS = `holdfast_sockets{transport="websocket",protocol="5",namespace="<b>ns</b>"} 3
holdfast_refusals_total{reason="invalid_key"} 7
# EOF
`;
const TIMES = { created_at: "2026-01-31T18:00:00.000Z", deliver_at: "2026-01-31T20:00:00.000Z", expires_at: "2026-01-31T21:00:00.000Z" };
const MESSAGE = { id: "m", event: "code", data: 1, state: "expired", keys: { delivered: 1, acknowledged: 0 }, ...TIMES };
let server, chromium, console_, directory;

function answer(url) {
  if (url.pathname === "/v1/metrics") return METRICS;
  if (url.pathname === "/v1/channels") {
    const [from, prefix] = [Number(url.searchParams.get("cursor") ?? 0), url.searchParams.get("prefix") ?? ""];
    const found = CHANNELS.filter((name) => name.startsWith(prefix));
    const items = found.slice(from, from + 100).map((channel) => ({ channel, keys: 2 }));
    return { items, next: from + 100 < found.length ? String(from + 100) : null };
  }
  if (url.pathname === "/v1/keys") return { items: [], next: null };
  if (url.pathname.endsWith("/messages")) return { items: [MESSAGE], next: null };
  if (url.pathname.endsWith("/messages/m")) {
    const why = { code: "expired", detail: "Its time was over before anybody acknowledged it" };
    return { ...MESSAGE, why, receipts: [], timeline: [{ at: TIMES.created_at, event: "stored" }] };
  }
  if (/\/channels\/[^/]+$/.test(url.pathname)) return { sockets: 1, messages: {} };
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "console-"));
  cpSync(join(PROJECT, "environments"), join(directory, "environments"), { recursive: true });
  writeFileSync(join(directory, "environments/broken.yaml"), "extends: local-cluster\nload_balancer: { idle_timeout: 50s }\n");
  server = await fakeServer(answer);
  chromium = await browser();
  const args = ["--env", "broken", ...server.args];
  console_ = await startConsole(args, { directory, environment: process.env });
});

after(async () => {
  console_?.stop();
  await chromium?.close();
  server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function at(view, options) {
  const page = await open(chromium, console_.url, options);
  await page.evaluate((hash) => (location.hash = hash), view);
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

test("the token leaves the address, survives a reload, and nothing is shown without it", async () => {
  const page = await open(chromium, console_.url);
  await page.getByRole("link", { name: "Channels" }).waitFor();
  assert.ok(!page.url().includes("token"), page.url());
  await page.reload();
  await page.getByRole("region", { name: "Nodes" }).getByText("fake-1").waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  const other = await open(chromium, console_.url.replace(/#.*/, ""));
  await other.getByText(/it carries a token, and this one does not/).waitFor();
  assert.equal(await other.getByRole("navigation").count(), 0);
  await close(other);
  await close(page);
});

test("pages of other origins and other names get nothing", async () => {
  const [origin, hash] = console_.url.split("/#");
  const token = new URLSearchParams(hash).get("token");
  const evil = await site({ "/": `<iframe src="${origin}/"></iframe>` });
  const context = await chromium.newContext();
  const page = await context.newPage();
  await page.goto(`http://evil.test:${evil.port}/`);
  // Even with the token, which nobody else has.
  const read = await page.evaluate(
    async ([url, token]) => {
      const tries = { plain: {}, token: { headers: { "x-console-token": token } }, blind: { mode: "no-cors" } };
      const found = {};
      for (const [name, init] of Object.entries(tries)) {
        found[name] = await fetch(`${url}/api/about`, init).then(
          async (answer) => `read ${answer.type}: ${await answer.text()}`,
          () => "refused",
        );
      }
      return found;
    },
    [origin, token],
  );
  assert.deepEqual(read, { plain: "refused", token: "refused", blind: "refused" });
  const frame = page.frames().find((frame) => frame !== page.mainFrame());
  assert.ok(!(await frame.content()).includes("console.js"), "it can be framed");
  // A name that leads to 127.0.0.1.
  const port = new URL(origin).port;
  const rebound = await page.goto(`http://evil.test:${port}/`);
  assert.equal(rebound.status(), 421);
  evil.stop();
  await context.close();
});

test("ten thousand channels scroll, by the keyboard too, and hostile names are text", async () => {
  const page = await at("#/channels");
  const rows = page.getByRole("listitem");
  for (const name of HOSTILE) await page.locator("bdi", { hasText: name }).first().waitFor();
  await page.getByRole("link", { name: /streamer-00000/ }).focus();
  const total = CHANNELS.length.toLocaleString("en");
  await eventually("the end is reached", async () => {
    await page.keyboard.press("End");
    return page.getByText(`${total} channels`).isVisible();
  });
  await page.keyboard.press("End");
  await page.locator("a:focus", { hasText: "streamer-09999" }).waitFor();
  assert.ok((await rows.count()) < 100, "all rows are in the document");
  await page.keyboard.press("ArrowUp");
  await page.locator("a:focus", { hasText: "streamer-09998" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /\/streamer-09998$/ }).waitFor();
  await page.goBack();
  await page.getByLabel("Name begins with").fill("streamer-0999");
  await page.getByText("10 channels", { exact: false }).waitFor();
  // A hostile name leads to a channel of that very name.
  await page.getByLabel("Name begins with").fill(HOSTILE[0]);
  await page.getByRole("link", { name: /img src=x/ }).click();
  await page.getByRole("heading", { name: `/${HOSTILE[0]}` }).waitFor();
  assert.equal(await page.evaluate(() => window.hacked ?? null), null);
  assert.equal(await page.locator("main img, main b").count(), 0);
  await close(page);
});

test("violated pairs are red in the picture, joined, and explained", async () => {
  const page = await at("#/stack");
  const bar = page.locator('g.bar[data-key="load_balancer.idle_timeout"]');
  await bar.getByText("idle timeout 50s ✗").waitFor();
  assert.match(await bar.getAttribute("class"), /\bbad\b/);
  assert.match(await page.locator('g.bar[data-key="server.ping_interval"]').getAttribute("class"), /\bbad\b/);
  assert.doesNotMatch(await page.locator('g.bar[data-key="server.drain"]').getAttribute("class"), /\bbad\b/);
  await page.locator('g.pair[data-rule="idle-timeout-not-above-ping-interval"] path').waitFor();
  // Longer is longer.
  const width = async (key) => Number(await page.locator(`g.bar[data-key="${key}"] rect`).getAttribute("width"));
  assert.ok((await width("load_balancer.idle_timeout")) < (await width("server.ping_interval")));
  await page.getByRole("heading", { name: "error idle-timeout-not-above-ping-interval" }).waitFor();
  await page.getByText("idle timeout 50s ≥ ping interval 60s + 5s").waitFor();
  await page.getByText(/Idle time and heartbeat: \d violated/).waitFor();
  await close(page);
});

/** Opens the page as that of a stack on AWS, which says this. */
async function onAws(live, drift) {
  const page = await open(chromium, console_.url);
  const answers = { about: { ...(await about(page)), aws: "acme-drops-prod" }, live, drift };
  for (const [name, json] of Object.entries(answers)) await page.route(`**/api/${name}`, (route) => route.fulfill({ json }));
  await page.reload();
  await page.getByRole("link", { name: "Stack" }).click();
  return page;
}

const about = (page) =>
  page.evaluate(async () => {
    const headers = { "x-console-token": sessionStorage.getItem("console-token") };
    return (await fetch("/api/about", { headers })).json();
  });

const WELL = { ok: true, troubles: [], unseen: [], services: [], stack: { status: "UPDATE_COMPLETE", reason: null } };

test("alarms that ring, deployments and drift of a stack on AWS are told", async () => {
  const since = new Date(Date.now() - 3 * 60_000).toISOString();
  const alarm = { name: "acme-drops-prod-store-away", reason: "Threshold Crossed: <b>1</b> > 0", since };
  const deployment = { began: "2026-01-31T18:00:00Z", ended: null, status: "UPDATE_IN_PROGRESS" };
  const drift = { message: "load_balancer.idle_timeout is 60s on AWS, and 310s in the template", template: "t", live: "l" };
  const finding = { rule: "idle-timeout-not-above-ping-interval", level: "error", message: "idle timeout 60s" };
  const live = { ...WELL, alarms: [alarm], deployments: [deployment] };
  const page = await onAws(live, { drifts: [drift], findings: [finding] });
  const row = (table, name) => page.getByRole("region", { name: table }).getByRole("row", { name });
  await row("Alarms", /^acme-drops-prod-store-away rings .*, 3 min.* ago Threshold Crossed: <b>1<\/b> > 0$/).waitFor();
  await row("Last deployments", /under way UPDATE_IN_PROGRESS$/).waitFor();
  const differs = page.getByRole("region", { name: "Drift" });
  await differs.getByText(`drift ${drift.message}`).waitFor();
  await differs.getByText("error idle-timeout-not-above-ping-interval: idle timeout 60s").waitFor();
  assert.equal(await page.locator("main b").count(), 0);
  const least = await page.evaluate(leastContrast);
  assert.ok(least.contrast >= 4.5, JSON.stringify(least));
  await close(page);

  const well = await onAws({ ...WELL, alarms: [] }, { drifts: [], findings: [] });
  await well.getByText("No alarm rings.").waitFor();
  await well.getByText("What is live is as the template has it.").waitFor();
  await close(well);
});

/** The least contrast of text on the page, by WCAG, and where it is. */
function leastContrast() {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (value) => ((value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const [r, g, b, alpha = 1] = parse(getComputedStyle(element).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  let least = { contrast: 21, text: "" };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const colour = parse(element instanceof SVGElement ? style.fill : style.color);
    const [one, other] = [light(colour), light(behind(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < least.contrast) least = { contrast, text: texts.currentNode.data };
  }
  return least;
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 400]) {
    test(`it is readable: ${colorScheme}, ${width} px`, async () => {
      const page = await at("#/nodes", { colorScheme, viewport: { width, height: 800 } });
      const message = "#/channels/dropcodes/streamer-00001/m";
      for (const [view, text] of [
        ["#/nodes", "fake-1"],
        ["#/channels", "streamer-00001"],
        [`#/channels/dropcodes/${encodeURIComponent("x".repeat(128))}`, "Issue a key …"],
        [message, "Its time was over"],
        ["#/stack", "idle timeout 50s"],
      ]) {
        await page.evaluate((hash) => (location.hash = hash), view);
        await page.getByText(text).first().waitFor();
        const least = await page.evaluate(leastContrast);
        assert.ok(least.contrast >= 4.5, `${view}: ${JSON.stringify(least)}`);
        const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
        assert.ok(wide <= width, `${view} is ${wide} px wide`);
      }
      await close(page);
    });
  }
}

test("everything is reached by the keyboard, and a dialog gives the focus back", async () => {
  const page = await at("#/channels/dropcodes/streamer-00001");
  await page.getByRole("button", { name: "Issue a key …" }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  const reached = [];
  await eventually("the focus has come to the last button", async () => {
    await page.keyboard.press("Tab");
    reached.push(await focused());
    return reached.at(-1) === "Issue a key …";
  });
  for (const text of ["Nodes", "Channels", "Stack", "Send …", "m"]) assert.ok(reached.includes(text), text);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Issue a key" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(), "Issue a key …");
  await close(page);
});

test("a server that is gone is told", async () => {
  const page = await at("#/nodes");
  await page.getByRole("region", { name: "Nodes" }).getByText("fake-1").waitFor();
  server.stop();
  await page.getByRole("status").getByText(/cannot connect/).waitFor();
  await page.getByText(/no answer for/).waitFor();
  await close(page);
});
