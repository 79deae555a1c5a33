// A running `deployer console`, and its page in Chromium.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, get } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { PATIENCE, PROJECT } from "../../../tools/testing/stack.mjs";

const { io } = createRequire(join(PROJECT, "tools/package.json"))("socket.io-client");
const DEPLOYER = join(PROJECT, "target/debug/deployer");

/** Starts one; `stack` says where, else this process's directory. */
export async function startConsole(args, stack) {
  const child = spawn(DEPLOYER, ["console", "--no-open", "--output", "json", ...args], {
    cwd: stack?.directory ?? process.cwd(),
    env: stack?.environment ?? process.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { url: JSON.parse(line).url, stop: () => child.kill("SIGINT") };
  }
  throw new Error("the console did not start");
}

/** Opens a console's page. What a browser complains of is in `page.complaints`. */
export async function open(chromium, url, options = {}) {
  const context = await chromium.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    // What is answered with an error is the server's affair, and is shown on the page.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      page.complaints.push(message.text());
    }
  });
  await page.goto(url);
  return page;
}

/** A server that answers by path, as nodes do, and a file with a key to it. */
export async function fakeServer(answer) {
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const found = answer(url, request);
    const text = typeof found === "string" ? found : JSON.stringify(found ?? { detail: "not here" });
    response.writeHead(found === undefined ? 404 : 200, {
      "content-type": typeof found === "string" ? "text/plain" : "application/json",
      "x-node-id": "fake-1",
    });
    response.end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const directory = mkdtempSync(join(tmpdir(), "fake-"));
  const keys = join(directory, "keys");
  writeFileSync(keys, "k".repeat(32));
  return {
    args: ["--url", `http://127.0.0.1:${server.address().port}`, "--backend-key-file", keys],
    stop: () => {
      server.closeAllConnections();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A plugin that acknowledges; what it has received is in `received`. */
export async function plugin(stack, channel, key) {
  const socket = io(`${stack.url}/dropcodes`, {
    path: "/websockets",
    auth: { key: key ?? (await stack.key(channel)) },
    transports: ["websocket"],
    forceNew: true,
  });
  socket.received = [];
  socket.onAny((event, data, message, ack) => {
    socket.received.push({ event, data });
    ack(message.id);
  });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return socket;
}

/** Floods a stack, from 127.66.0.9 with wrong keys and from 127.77.0.5 with handshakes, until what it
 * returns is called. */
export function attack(stack) {
  let over = false;
  const until = async (work) => {
    while (!over) await work();
  };
  const settings = { path: "/websockets", auth: { key: "hfk_wrong" }, transports: ["websocket"], reconnection: false };
  const guess = () =>
    new Promise((resolve) => {
      const socket = io(`${stack.url}/dropcodes`, { ...settings, forceNew: true, localAddress: "127.66.0.9" });
      // Refused is what it is to be; the breath is for a machine of two cores.
      socket.once("connect_error", () => setTimeout(resolve, 50, socket.close()));
    });
  const agent = new Agent({ keepAlive: true, maxSockets: 4, localAddress: "127.77.0.5" });
  const handshake = () =>
    new Promise((resolve) => {
      const done = () => setTimeout(resolve, 10);
      get(`${stack.url}/websockets/?EIO=4&transport=polling`, { agent }, (answer) => {
        answer.resume().once("end", done);
      }).once("error", done);
    });
  const all = [guess, guess, handshake, handshake, handshake].map(until);
  return async () => {
    over = true;
    await Promise.all(all);
    agent.destroy();
  };
}
