// Chromium with pages of its own origins.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

import { PROJECT } from "./stack.mjs";

const require = createRequire(join(PROJECT, "examples/package.json"));
const { chromium } = require("playwright-core");

/** Starts Chromium; every host that ends in `.test` is this machine. */
export function browser(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1", ...more],
  });
}

/** Serves `pages`, a text or a function that makes one by path, on any port. */
export async function site(pages) {
  const server = createServer((request, answer) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const page = pages[path];
    if (page === undefined) return answer.writeHead(404).end();
    const type = path.endsWith(".js") ? "text/javascript" : "text/html";
    answer.writeHead(200, { "Content-Type": `${type}; charset=utf-8` });
    answer.end(typeof page === "function" ? page() : page);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, stop: () => server.close() };
}

/** Answers requests to cdn.socket.io from the installed package. */
export async function withLibrary(context) {
  const library = join(PROJECT, "examples/node_modules/socket.io-client/dist");
  await context.route("https://cdn.socket.io/**", (route) => {
    const file = new URL(route.request().url()).pathname.split("/").pop();
    const body = readFileSync(join(library, file));
    const headers = { "Access-Control-Allow-Origin": "*" };
    return route.fulfill({ body, headers, contentType: "text/javascript" });
  });
}
