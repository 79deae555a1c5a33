// A target on the official server library: `POST /` answers with the node's name, Socket.IO is at /socket.io.
// Configured by a JSON argument; prints its port on stdout once it listens.
const config = JSON.parse(process.argv[2]);
const { Server } = require("socket.io");
const http = require("http").createServer((request, response) => {
  request.resume().on("end", () => response.end(config.name));
});
http.keepAliveTimeout = config.keepAlive ?? 60000;
http.on("request", (_, response) => { response.setHeader("x-node-id", config.name); });
const io = new Server(http, {
  pingInterval: config.pingInterval ?? 25000,
  pingTimeout: config.pingTimeout ?? 20000,
  transports: config.transports ?? ["polling", "websocket"],
  ...(config.origins && { cors: { origin: config.origins, credentials: config.credentials ?? true } }),
});
// engine.io answers its own requests: the node's name goes there by its own hook.
io.engine.on("headers", (headers) => { headers["x-node-id"] = config.name; });
io.on("connection", (socket) => socket.on("echo", (data, ack) => ack(data)));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.stdin.resume().on("close", () => process.exit());
