// Plugins on an official client library, one after the other: each begins with polling, moves to a
// WebSocket, and acknowledges what waits for it. Tells the ids that each got, as a JSON line.
const { library, url, path, messages, keys } = JSON.parse(process.argv[2]);
const name = { v4: "socket.io-client", v3: "socket.io-client-v3", v2: "socket.io-client-v2" }[library];
const io = require(name).io ?? require(name);

function plugin(key) {
  const headers = { Authorization: `ApiKey ${key}` };
  const options = { path, forceNew: true, transports: ["polling", "websocket"], extraHeaders: headers, transportOptions: { polling: { extraHeaders: headers }, websocket: { extraHeaders: headers } } };
  const socket = io(url, options);
  const got = [];
  return new Promise((resolve) => {
    const done = () => {
      if (got.length < messages || socket.io.engine.transport.name !== "websocket") return;
      socket.disconnect();
      resolve(got);
    };
    socket.on("connect", () => socket.io.engine.on("upgrade", done));
    socket.on("e", (data, message, ack) => (got.push(message.id), ack(message.id), done()));
  });
}

(async () => {
  for (const key of keys) process.stdout.write(JSON.stringify(await plugin(key)) + "\n");
})();
