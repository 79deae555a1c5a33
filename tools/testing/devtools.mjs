// Chromium as it runs for users: playwright-core keeps every page visible and its timers exact.
// Spoken to by the DevTools protocol, <https://chromedevtools.github.io/devtools-protocol/>.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { PROJECT } from "./stack.mjs";

const { WebSocket } = createRequire(join(PROJECT, "clients/js/package.json"))("ws");

/** Starts Chromium with more arguments. */
export async function devtools(more = []) {
  const directory = mkdtempSync(join(tmpdir(), "chromium-"));
  const fixed = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", "--no-first-run"];
  const child = spawn(
    process.env.CHROMIUM ?? "/usr/bin/chromium",
    [...fixed, `--user-data-dir=${directory}`, ...more, "about:blank"],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  /** Asked to close, it waits for the processes that write into the directory. */
  const stop = async (close) => {
    const ended = once(child, "exit");
    await close();
    await ended;
    rmSync(directory, { recursive: true, force: true, maxRetries: 20 });
  };
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (!address) continue;
    child.stderr.resume();
    const { open, close } = await speak(address);
    return { open, stop: () => stop(close) };
  }
  throw new Error("Chromium did not start");
}

/** One connection for the browser and its pages. */
async function speak(address) {
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const waiting = new Map();
  let last = 0;
  socket.on("message", (text) => {
    const { id, result, error } = JSON.parse(text);
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) reject?.(new Error(error.message));
    else resolve?.(result);
  });
  const send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      waiting.set((last += 1), { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    });
  await once(socket, "open");
  return {
    close: () => send("Browser.close"),
    /** Opens a page as a tab of the one window. */
    async open(url) {
      const { targetId } = await send("Target.createTarget", { url });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      return {
        /** Puts this tab in front; the others are hidden. */
        front: () => send("Target.activateTarget", { targetId }),
        /** The value of an expression, or of its promise. */
        async evaluate(expression) {
          const asked = { expression, awaitPromise: true, returnByValue: true };
          const { result, exceptionDetails } = await send("Runtime.evaluate", asked, sessionId);
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description);
          return result.value;
        },
      };
    },
  };
}
