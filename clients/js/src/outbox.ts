// Acknowledgements on their way: each is sent until the service has answered, on any connection.
import type { Socket } from "socket.io-client";
import type { Status } from "./wire.js";

/** For how long an answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

export class Outbox {
  #waiting = new Map<string, Status | undefined>();

  constructor(private readonly socket: Socket) {
    socket.on("connect", () => {
      for (const id of this.#waiting.keys()) this.#send(id);
    });
  }

  /** Whether an acknowledgement of this message is under way. */
  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  /** Without a status where it is not known what became of the message. */
  acknowledge(id: string, status?: Status): void {
    this.#waiting.set(id, status);
    this.#send(id);
  }

  /** Says that a message is here and waits: it is not to be repeated yet. */
  inProgress(id: string): void {
    if (this.socket.connected) this.socket.emit("in_progress", id);
  }

  #send(id: string): void {
    if (!this.#waiting.has(id) || !this.socket.connected) return;
    const status = this.#waiting.get(id);
    const more = status ? [{ status }] : [];
    const answered = (error: Error | null) => {
      if (!error) this.#waiting.delete(id);
      // The store is away, or the answer got lost; after a reconnect `connect` sends it.
      else this.#send(id);
    };
    this.socket.timeout(PATIENCE).emit("ack", id, ...more, answered);
  }
}
