// Acknowledgements on their way: each is sent until the service has answered, on any connection.
import type { Socket } from "socket.io-client";
import type { Entry, Status } from "./wire.js";

/** For how long an answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

interface Sending {
  /** None where it is not known what became of the message. */
  status: Status | undefined;
  /** The connection that the message came on. */
  cameOn: string | undefined;
}

export class Outbox {
  #waiting = new Map<string, Sending>();

  /** `silent` is called when the connection must be dead. */
  constructor(
    private readonly socket: Socket,
    private readonly silent: () => void,
  ) {
    socket.on("connect", () => {
      for (const id of this.#waiting.keys()) this.#send(id);
    });
  }

  /** Whether an acknowledgement of this message is under way. */
  has(id: string): boolean {
    return this.#waiting.has(id);
  }

  acknowledge(entry: Entry, status?: Status): void {
    const { id } = entry.message;
    this.#waiting.set(id, { status, cameOn: entry.cameOn });
    this.#send(id);
  }

  /** Says that a message is here and waits: it is not to be repeated yet. */
  inProgress(id: string): void {
    if (this.socket.connected) this.socket.emit("in_progress", id);
  }

  #send(id: string): void {
    const sending = this.#waiting.get(id);
    if (!sending || !this.socket.connected) return;
    const more = sending.status ? [{ status: sending.status }] : [];
    const answered = (error: Error | null) => {
      if (!error) this.#waiting.delete(id);
      // After a reconnect `connect` sends it.
      else if (!this.socket.connected) return;
      // What came on this connection is answered at once; anything else when the store is there.
      else if (sending.cameOn === this.socket.id) this.silent();
      else this.#send(id);
    };
    this.socket.timeout(PATIENCE).emit("ack", id, ...more, answered);
  }
}
