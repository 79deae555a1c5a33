// A plugin on an official client library. Configured by a JSON argument, driven by JSON lines on stdin,
// tells what happens as JSON lines on stdout.
const config = JSON.parse(process.argv[2]);
const library = { v4: "socket.io-client", v3: "socket.io-client-v3", v2: "socket.io-client-v2" }[config.library];
const io = require(library);
const tell = (type, rest) => process.stdout.write(JSON.stringify({ type, at: Date.now(), ...rest }) + "\n");

const options = { path: config.path, transports: config.transports, reconnectionDelay: 50, reconnectionDelayMax: 500, forceNew: true };
if (config.auth) options.auth = { key: config.auth };
if (config.header) {
  const headers = { Authorization: `ApiKey ${config.header}` };
  options.extraHeaders = headers; // v3 and v4
  options.transportOptions = { polling: { extraHeaders: headers }, websocket: { extraHeaders: headers } }; // v2
}
if (config.cookies) options.withCredentials = true;
const socket = (io.io ?? io)(config.url + config.namespace, options);

const acks = [];
let broken = false; // by a message that it cannot read: whatever came with it is lost too
socket.on("connect", () => {
  broken = false;
  tell("connected", { id: socket.id });
  const engine = socket.io.engine;
  tell("transport", { name: engine.transport.name });
  engine.on("upgrade", (transport) => tell("upgraded", { name: transport.name }));
});
socket.on("connect_error", (error) => tell("connect_error", { message: error.message ?? String(error), data: error.data ?? null, description: error.description?.message ?? error.description ?? null }));
socket.on("error", (error) => tell("connect_error", { message: String(error?.message ?? error), data: null }));
socket.on("disconnect", (reason) => tell("disconnected", { reason }));

const receive = (event, data, message, ack) => {
  if (config.breaks_at != null && data === config.breaks_at) {
    broken = true;
    socket.io.engine.close(); // the library comes back
  }
  if (broken) return;
  acks.push(ack);
  tell("message", { event, data, message, late: Date.now() - Date.parse(message?.deliver_at), index: acks.length - 1 });
  if (config.acknowledge && ack) ack(message.id);
};
const onevent = socket.onevent;
socket.onevent = function (packet) {
  // Every event, whatever its name, with the library's own acknowledgement.
  const args = [...(packet.data ?? [])];
  if (packet.id != null) args.push(this.ack(packet.id));
  receive(...args);
};
void onevent;

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  if (command.do === "disconnect") socket.disconnect();
  if (command.do === "connect") socket.connect();
  if (command.do === "drop") socket.io.engine.close(); // the connection is lost; the library comes back
  if (command.do === "ack") acks[command.index](...command.arguments);
  if (command.do === "emit") socket.emit(...command.arguments);
  if (command.do === "ask") socket.emit(...command.arguments, (answer) => tell("answer", { answer }));
}).on("close", () => process.exit());
