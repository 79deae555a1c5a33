// What the book tells a newcomer, done as it stands: two nodes, a page of one's own on another
// origin, its first message.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";

import { browser, withLibrary } from "../../tools/testing/browser.mjs";
import { PATIENCE, PROJECT, Stack, eventually } from "../../tools/testing/stack.mjs";

const read = (name) => readFileSync(join(PROJECT, name), "utf8");
const ends = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

/** The commands of the book's section, a text for each terminal. */
function terminals() {
  const book = read("docs/src/plugins/browser.md");
  const section = book.split("## Try it on your machine\n")[1].split("\n## ")[0];
  return [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands);
}

/** A port that is free, in the place of the book's. */
async function free() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("a page of one's own shows its first message, from two nodes", async () => {
  const [first, second, third] = terminals();
  const name = /^deployer up --env (\S+)\n$/.exec(first)[1];
  const port = await free();
  const environment = read(`environments/${name}.yaml`).replaceAll(":9000", `:${port}`);
  const stack = await Stack.start({ environment });
  ends.push(() => stack.stop());
  const { nodes } = await stack.local("status", "--wait");
  assert.equal(nodes.length, 2);

  /** Runs what is typed into a terminal in a clone of the repository. */
  const run = (commands) => {
    const typed = commands
      .replaceAll("http://127.0.0.1:8080", stack.url)
      .replaceAll("9000", port)
      .replace("PLUGIN_KEY='hfk_…'", `PLUGIN_KEY='${stack.pluginKey}'`);
    const path = `${join(PROJECT, "target/debug")}${delimiter}${process.env.PATH}`;
    const env = { ...stack.environment, PATH: path };
    // The last command takes the place of the shell: it gets the signal.
    const child = spawn("sh", ["-ec", typed.replace(/^(python3 )/m, "exec $1")], {
      cwd: stack.directory,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    return { child, ended, said: () => said };
  };
  cpSync(join(PROJECT, "examples/browser"), join(stack.directory, "examples/browser"), {
    recursive: true,
  });
  const serving = run(second);
  ends.push(async () => {
    serving.child.kill();
    await serving.ended;
  });
  const page = `http://127.0.0.1:${port}/`;
  await eventually("the page is served", () => {
    assert.equal(serving.child.exitCode, null, serving.said());
    return fetch(page).then((answer) => answer.ok, () => false);
  });

  const chromium = await browser();
  ends.push(() => chromium.close());
  const context = await chromium.newContext();
  await withLibrary(context);
  const tab = await context.newPage();
  await tab.goto(page);
  const sending = run(third);
  assert.equal(await sending.ended, 0, sending.said());
  await tab.getByText("AB-12").waitFor({ timeout: PATIENCE });
});
