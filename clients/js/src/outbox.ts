// Acknowledgements on their way: each is sent until the service has answered, on any connection.
import type { Connection } from "./connection.js";
import type { Entry } from "./entry.js";
import type { Status } from "./wire.js";

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
    private readonly connection: Connection,
    private readonly silent: () => void,
  ) {}

  /** Sends what is under way on a connection that has just begun. */
  resend(): void {
    for (const id of this.#waiting.keys()) this.#send(id);
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
    const { socket } = this.connection;
    if (socket.connected) socket.emit("in_progress", id);
  }

  #send(id: string): void {
    const sending = this.#waiting.get(id);
    const { socket } = this.connection;
    if (!sending || !socket.connected) return;
    const more = sending.status ? [{ status: sending.status }] : [];
    const answered = (error: Error | null) => {
      if (!error) this.#waiting.delete(id);
      // The next connection sends it.
      else if (!socket.connected) return;
      // What came on this connection is answered at once; anything else when the store is there.
      else if (sending.cameOn === socket.id) this.silent();
      else this.#send(id);
    };
    socket.timeout(PATIENCE).emit("ack", id, ...more, answered);
  }
}
