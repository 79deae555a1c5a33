// A local stack for tests of plugins: real servers behind the model of the load balancer.
import { spawn, execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

export const PROJECT = join(import.meta.dirname, "../..");
/** Bound of every wait, in ms: the machine may be busy. */
export const PATIENCE = 60_000;
const DEPLOYER = join(PROJECT, "target/debug/deployer");

/** Waits until `look` gives something. */
export async function eventually(what, look) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Three nodes with a Redis, with times that are short enough to wait for. */
export const THREE_NODES = `\
extends: local-cluster
load_balancer: { deregistration_delay: 1s }
service: { stop_timeout: 4s }
server:
  drain: 1s
`;

export class Stack {
  /**
   * Starts one. `server` is settings of the section that `environment` ends with, a line each.
   */
  static async start({ server = [], environment = THREE_NODES } = {}) {
    const stack = new Stack();
    stack.directory = mkdtempSync(join(tmpdir(), "stack-"));
    const environments = join(stack.directory, "environments");
    cpSync(join(PROJECT, "environments"), environments, { recursive: true });
    const text = environment + server.map((line) => `  ${line}\n`).join("");
    writeFileSync(join(environments, "test.yaml"), text);
    const temporary = join(stack.directory, "tmp");
    mkdirSync(temporary);
    stack.environment = { ...process.env, TMPDIR: temporary, HOME: temporary };
    const args = ["up", "--env", "test", "--port", "0", "--output", "json"];
    stack.process = spawn(DEPLOYER, args, {
      cwd: stack.directory,
      env: stack.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    stack.log = "";
    stack.process.stderr.on("data", (data) => (stack.log += data));
    for await (const line of createInterface({ input: stack.process.stdout })) {
      const document = JSON.parse(line);
      if (document.type !== "ready") continue;
      Object.assign(stack, { url: document.url, backendKey: document.backend_key });
      stack.pluginKey = document.plugin_key;
      stack.process.stdout.resume();
      return stack;
    }
    throw new Error(`the stack did not start:\n${stack.log}`);
  }

  /** Runs `deployer local …` on it; what it answers. */
  async local(...args) {
    const options = { cwd: this.directory, env: this.environment };
    const command = ["local", "--output", "json", ...args];
    const { stdout } = await promisify(execFile)(DEPLOYER, command, options);
    return JSON.parse(stdout);
  }

  /** Calls the HTTP interface until a node answers: some may be down. The document of its answer. */
  async call(method, path, body) {
    const request = {
      method,
      headers: {
        Authorization: `ApiKey ${this.backendKey}`,
        "Content-Type": "application/json",
      },
      body: body && JSON.stringify(body),
    };
    const answer = await eventually(`${method} ${path}`, async () => {
      const signal = AbortSignal.timeout(5000);
      const tried = await fetch(this.url + path, { ...request, signal }).catch(() => null);
      return tried && tried.status < 500 && tried;
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** A new key of a channel. */
  async key(channel) {
    return (await this.call("POST", "/v1/keys", { channel, namespaces: ["dropcodes"] })).key;
  }

  messages(channel) {
    return `/v1/namespaces/dropcodes/channels/${channel}/messages`;
  }

  publish(channel, message) {
    return this.call("POST", this.messages(channel), { event: "code", ...message });
  }

  /** Waits until a message is in a state. */
  becomes(channel, id, state) {
    return eventually(`${id} is ${state}`, async () => {
      const message = await this.call("GET", `${this.messages(channel)}/${id}`);
      return message.state === state && message;
    });
  }

  /** Waits until this many sockets of a channel are connected. */
  connected(channel, sockets = 1) {
    return eventually(`${sockets} on ${channel}`, async () => {
      const status = await this.call("GET", `/v1/namespaces/dropcodes/channels/${channel}`);
      return status.sockets === sockets;
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    if (this.process.exitCode === null) {
      this.process.kill("SIGINT");
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
