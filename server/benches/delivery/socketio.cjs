// The peer: socket.io 4 on Node, WebSocket alone, the same event with an acknowledgement from every socket.
const http = require("http").createServer();
const { Server } = require("socket.io");
const io = new Server(http, { path: "/websockets", transports: ["websocket"], pingInterval: 60000, pingTimeout: 240000 });
const namespace = io.of("/dropcodes");
let number = 0;
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
require("readline").createInterface({ input: process.stdin }).on("line", () => {
  const message = { id: `m${number++}`, deliver_at: new Date().toISOString(), expires_in: 3600000, redelivered: false };
  namespace.timeout(15000).emit("e", "x".repeat(200), message, () => {});
}).on("close", () => process.exit());
