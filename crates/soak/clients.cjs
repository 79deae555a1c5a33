// Many plugins in one process, each on the official client library with its own reconnection at work. Told what to do
// by JSON lines on stdin; tells what happens as JSON lines on stdout, one array each: [kind, client, time, …].
const { io } = require("socket.io-client");
const readline = require("readline");

const FLAKY_EVERY = 3000; // ms between two drops of a flaky client, on average
const FLAKY_FOR = 3000; // ms that it stays away, at most
const POISON = "POISON"; // the code of messages that some clients lose their session at
const clients = [];
let flaky = true;

const now = () => performance.timeOrigin + performance.now();
let said = [];
function tell(...line) {
  said.push(JSON.stringify(line));
  if (said.length === 1) setImmediate(() => { process.stdout.write(said.join("\n") + "\n"); said = []; });
}

function open({ url, path, namespace }, { n, key, transports, flaky: drops, breaks }) {
  // Polling needs the load balancer's cookies.
  const socket = io(url + namespace, { path, transports, auth: { key }, forceNew: true, withCredentials: true });
  clients.push(socket);
  let broken = false; // by a message that it cannot read: what came with it is lost too

  // How long it was away, and how much of that was the library's own waiting before each attempt.
  let since = now(), waited = 0;
  const { backoff } = socket.io;
  const duration = backoff.duration.bind(backoff);
  backoff.duration = () => { const wait = duration(); waited += wait; return wait; };

  socket.on("connect", () => {
    broken = false;
    tell("up", n, now(), now() - since, waited);
    if (drops) setTimeout(drop, -Math.log(Math.random()) * FLAKY_EVERY, socket, socket.id);
  });
  socket.on("disconnect", (reason) => {
    since = now(); waited = 0;
    tell("down", n, since, reason);
  });
  socket.on("connect_error", (error) => tell("refused", n, now(), error.data?.code ?? null, String(error.description?.message ?? error.description ?? error.message)));
  socket.on("code", (data, message, ack) => {
    if (breaks && flaky && data.code === POISON) {
      broken = true;
      socket.io.engine.close();
    }
    if (broken) return;
    tell("message", n, now(), message.id, message.redelivered, message.expires_in);
    const acknowledge = () => { ack(message.id); tell("acknowledged", n, now(), message.id); };
    // A flaky client's acknowledgement may come too late for its connection, as a slow plugin's does.
    if (drops && Math.random() < 0.3) setTimeout(acknowledge, Math.random() * 500); else acknowledge();
  });
}

// Loses the connection and stays away for a while: half of the time with a goodbye, half of the time without.
function drop(socket, id) {
  const { engine } = socket.io;
  if (!flaky || socket.id !== id || engine.readyState !== "open") return;
  socket.io.randomizationFactor(0);
  socket.io.reconnectionDelay(1 + Math.random() * FLAKY_FOR);
  if (Math.random() < 0.5) return engine.close();
  const { transport } = engine;
  if (transport.name === "websocket") return transport.ws.terminate();
  transport.pollXhr?.abort();
  transport.readyState = "closed"; // so that closing it says nothing to the server
  engine._onClose("transport error");
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (order.do === "open") for (const client of order.clients) open(order, client);
  if (order.do === "calm") flaky = false;
}).on("close", () => process.exit());
