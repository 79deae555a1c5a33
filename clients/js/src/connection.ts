// The connection to the service. When its node leaves, the next one begins before this one ends.
import type { Socket } from "socket.io-client";
import type { Message } from "./wire.js";

/** What a connection tells. */
export interface Side {
  online(): void;
  /** It is lost, and comes back by itself. */
  offline(reason: string): void;
  /** It does not come back. */
  refused(reason: string): void;
  /** The next connection is there. This is the last moment of the one before. */
  leaving(): void;
  /** `cameOn` is the socket's id. `acknowledged`: the service asks for an acknowledgement. */
  received(
    message: Message,
    came: { event: string; data: unknown; acknowledged: boolean; cameOn: string | undefined },
  ): void;
}

export class Connection {
  #socket: Socket;
  /** Being opened, because the node of the other one leaves. */
  #next: Socket | undefined;

  /** `make` makes a socket that is not connected; for a next one, on a transport of its own. */
  constructor(
    private readonly make: (next: boolean) => Socket,
    private readonly side: Side,
  ) {
    this.#socket = make(false);
    this.#listen(this.#socket);
  }

  /** The socket of now. */
  get socket(): Socket {
    return this.#socket;
  }

  disconnect(): void {
    this.#drop();
    this.#socket.disconnect();
  }

  #listen(socket: Socket): void {
    socket.on("connect", () => {
      if (socket === this.#next) {
        this.side.leaving();
        this.#change(socket);
      }
      this.side.online();
    });
    socket.on("disconnect", (reason) => {
      if (socket !== this.#socket) return;
      // The library does not come back from this one: the key was revoked, or has expired.
      if (reason === "io server disconnect") {
        this.#drop();
        return this.side.refused("the key is no longer valid");
      }
      if (this.#next) this.#change(this.#next);
      this.side.offline(reason);
    });
    socket.on("connect_error", (error: Error & { data?: { code?: string } }) => {
      const code = error.data?.code;
      if (socket === this.#next) {
        // For good. The connection that is there says the same when it comes back.
        if (code) this.#drop();
      } else if (code) this.side.refused(code);
      else this.side.offline(error.message);
    });
    // A backend's event of this name carries a message.
    socket.on("moved", (...message: unknown[]) => {
      if (message.length === 0 && socket === this.#socket) this.#prepare();
    });
    socket.onAny((event: string, data: unknown, message: Message, ack?: unknown) => {
      if (typeof message?.id !== "string") return;
      const acknowledged = ack !== undefined;
      this.side.received(message, { event, data, acknowledged, cameOn: socket.id });
    });
  }

  /** Opens the next connection; the load balancer takes it to a node that stays. */
  #prepare(): void {
    if (this.#next) return;
    const next = this.make(true);
    next.auth = this.#socket.auth; // the key may have been renewed
    this.#next = next;
    this.#listen(next);
    next.connect();
  }

  #change(next: Socket): void {
    const left = this.#socket;
    this.#socket = next;
    this.#next = undefined;
    left.disconnect();
  }

  #drop(): void {
    const next = this.#next;
    this.#next = undefined;
    next?.disconnect();
  }
}
