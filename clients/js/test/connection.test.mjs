// The connection and its next one, without a network.
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";

import { source } from "./source.mjs";

const { Connection } = await source("connection");

/** A connection whose sockets do what the test says, and what it has told. */
function connection() {
  const sockets = [];
  const told = [];
  const make = (next) => {
    const socket = Object.assign(new EventEmitter(), {
      auth: { key: "first" },
      id: `s${sockets.length}`,
      next,
      connect: () => (socket.wanted = true),
      disconnect: () => (socket.wanted = false),
      onAny: (listener) => (socket.any = listener),
    });
    sockets.push(socket);
    return socket;
  };
  const side = {
    online: () => told.push("online"),
    offline: (reason) => told.push(`offline: ${reason}`),
    refused: (reason) => told.push(`refused: ${reason}`),
    leaving: () => told.push(`leaving ${made.socket.id}`),
    received: (message, { event, cameOn }) => told.push(`${event} ${message.id} on ${cameOn}`),
  };
  const made = new Connection(make, side);
  made.socket.connect();
  sockets[0].emit("connect");
  return { made, sockets, told };
}

const failure = (code) => Object.assign(new Error("no"), { data: code && { code } });

test("the next connection begins before the one that moves ends", () => {
  const { made, sockets, told } = connection();
  const [old] = sockets;
  old.auth = { key: "renewed" };
  old.emit("moved");
  old.emit("moved");
  assert.equal(sockets.length, 2);
  const [, next] = sockets;
  assert.deepEqual([next.next, next.wanted, old.wanted], [true, true, true]);
  assert.deepEqual(next.auth, { key: "renewed" });
  assert.equal(made.socket, old);
  next.emit("connect_error", failure()); // the node that leaves answers 503; the library tries again
  old.any("code", 1, { id: "m" });
  next.emit("connect");
  assert.equal(made.socket, next);
  assert.equal(old.wanted, false);
  old.emit("disconnect", "io client disconnect");
  assert.deepEqual(told, ["online", "code m on s0", "leaving s0", "online"]);
});

test("a connection that ends before its next one begins comes back by that one", () => {
  const { made, sockets, told } = connection();
  const [old] = sockets;
  old.emit("moved");
  old.emit("disconnect", "transport close");
  const [, next] = sockets;
  assert.deepEqual([made.socket, old.wanted], [next, false]);
  next.emit("connect_error", failure());
  next.emit("connect");
  assert.deepEqual(told, ["online", "offline: transport close", "offline: no", "online"]);
});

test("a next connection that is refused leaves the one that is there", () => {
  const { made, sockets, told } = connection();
  const [old] = sockets;
  old.emit("moved");
  const [, next] = sockets;
  next.emit("connect_error", failure("invalid_key"));
  assert.deepEqual([made.socket, old.wanted, next.wanted], [old, true, false]);
  old.emit("disconnect", "io server disconnect");
  assert.deepEqual(told, ["online", "refused: the key is no longer valid"]);
});

test("a message of the event `moved` moves nothing", () => {
  const { sockets, told } = connection();
  const [old] = sockets;
  old.emit("moved", null, { id: "m" });
  old.any("moved", null, { id: "m" });
  assert.equal(sockets.length, 1);
  assert.deepEqual(told, ["online", "moved m on s0"]);
});

test("an end takes both connections", () => {
  const { made, sockets } = connection();
  sockets[0].emit("moved");
  made.disconnect();
  assert.deepEqual(sockets.map(({ wanted }) => wanted), [false, false]);
});
