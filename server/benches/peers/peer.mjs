// socket.io 4 on Node or on Bun, each socket in the room of its channel. Its backend
// interface is that of the measured server: a POST emits, with or without acknowledgement.
import { Server } from "socket.io";

const options = { path: "/websockets/", pingInterval: 60_000, pingTimeout: 240_000 };
const data = "x".repeat(200);
const io = new Server();
const [acknowledging, plain] = ["/dropcodes", "/donations"].map((name) =>
  io.of(name).use((socket, next) => {
    socket.join(socket.handshake.auth.key ?? "everyone");
    next();
  }),
);
let number = 0;

/** Emits to a channel, or to everyone; `acknowledged` asks each socket for an answer. */
function emit(channel, acknowledged) {
  const id = `m${number++}`;
  const message = { id, deliver_at: new Date().toISOString(), expires_in: 3_600_000 };
  const namespace = acknowledged ? acknowledging : plain;
  const to = channel ? namespace.to(channel) : namespace;
  if (acknowledged) to.timeout(15_000).emit("e", data, message, () => {});
  else to.emit("e", data, message);
}

/** Answers `POST /emit?channel=…&acknowledged=1`, with its JSON body read as a backend's is. */
function answer(url, body) {
  JSON.parse(body);
  const query = new URL(url, "http://localhost").searchParams;
  emit(query.get("channel"), query.has("acknowledged"));
}

if (process.versions.bun) {
  const { Server: Engine } = await import("@socket.io/bun-engine");
  const engine = new Engine(options);
  io.bind(engine);
  const handler = engine.handler();
  const server = Bun.serve({
    ...handler,
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 255,
    async fetch(request, server) {
      if (request.method !== "POST") return handler.fetch(request, server);
      answer(request.url, await request.text());
      return new Response(null, { status: 202 });
    },
  });
  console.log(server.port);
} else {
  const { createServer } = await import("node:http");
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      answer(request.url, body);
      response.writeHead(202).end();
    });
  });
  io.attach(http, options);
  http.listen(0, "127.0.0.1", () => console.log(http.address().port));
}
process.stdin.on("end", () => process.exit()).resume();
