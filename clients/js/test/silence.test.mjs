// A network that swallows packets: the connection looks well and is dead.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as dial, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { connect } from "../dist/index.js";
import { PROJECT, eventually } from "../../../tools/testing/stack.mjs";

const BACKEND_KEY = "test-backend-key-of-32-characters";

/** A server whose heartbeat notices nothing while a test waits. */
async function serve() {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const address = `127.0.0.1:${free.address().port}`;
  await new Promise((resolve) => free.close(resolve));
  const env = {
    BIND: address,
    ADMIN_BIND: "127.0.0.1:0",
    S2S_KEYS: BACKEND_KEY,
    PING_INTERVAL: "5m",
    PING_TIMEOUT: "1m",
  };
  const process = spawn(join(PROJECT, "target/debug/server"), [], { env, stdio: "ignore" });
  const headers = { Authorization: `ApiKey ${BACKEND_KEY}`, "Content-Type": "application/json" };
  const call = async (method, path, body) => {
    const request = { method, headers, body: body && JSON.stringify(body) };
    return (await fetch(`http://${address}${path}`, request)).json();
  };
  await eventually("the server is up", () => call("GET", "/healthcheck").catch(() => null));
  return { address, call, stop: () => process.kill() };
}

/** A proxy that forwards, until what is connected then is swallowed. */
async function proxy(address) {
  const [host, port] = address.split(":");
  let streams = [];
  const server = createServer((near) => {
    const far = dial(Number(port), host);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", (bytes) => from.swallowed || to.write(bytes));
      from.on("close", () => from.swallowed || to.destroy());
      from.on("error", () => {});
    }
    streams.push(near, far);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    swallow: () => streams.forEach((stream) => (stream.swallowed = true)),
    stop: () => {
      streams.forEach((stream) => stream.destroy());
      server.close();
    },
  };
}

test("an acknowledgement that nobody answers ends a dead connection", async (t) => {
  const server = await serve();
  const wire = await proxy(server.address);
  const issued = await server.call("POST", "/v1/keys", { channel: "c", namespaces: ["dropcodes"] });
  const plugin = connect(wire.url, { key: issued.key });
  t.after(() => {
    plugin.close();
    wire.stop();
    server.stop();
  });
  const shown = [];
  plugin.on("code", (data) => {
    shown.push(data);
    if (shown.length === 1) wire.swallow();
  });
  const messages = "/v1/namespaces/dropcodes/channels/c/messages";
  await eventually("it is online", () => plugin.state.connection === "online");
  for (const id of ["a", "b"]) {
    await server.call("POST", messages, { id, event: "code", data: id });
    await eventually(`${id} is acknowledged`, async () =>
      (await server.call("GET", `${messages}/${id}`)).state === "acknowledged");
  }
  assert.deepEqual(shown, ["a", "b"]);
});
