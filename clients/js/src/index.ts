// A plugin's side of Holdfast: shows each message once, one after the other, and tells the service
// when it is shown.
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { Clock } from "./clock.js";
import { Connection, type Side } from "./connection.js";
import { type Entry, identity, type Outcome } from "./entry.js";
import { nameOf } from "./name.js";
import { Outbox } from "./outbox.js";
import { watchReturn, watchVisibility } from "./presence.js";
import { Queue, type Showing } from "./queue.js";
import { best, type Seen } from "./seen.js";
import { takeTurn, type Turn } from "./turn.js";
import type { Message } from "./wire.js";

export { indexedDb, local, memory, type Seen } from "./seen.js";
export type { Showing } from "./queue.js";
export type { Outcome } from "./entry.js";
export type { Message, Status } from "./wire.js";

/** Shows a message. It is shown when the promise resolves; when it rejects, it is tried again. */
export type Handler = (data: any, message: Message, showing: Showing) => unknown;

/** How a plugin stands. */
export interface State {
  /**
   * `standby`: another tab or scene with this key is connected. `refused`: for good, see `reason`.
   * `closed`: by `close()`.
   */
  connection: "standby" | "connecting" | "online" | "offline" | "refused" | "closed";
  /** Why the connection is not there, as the service or the library says it. */
  reason?: string;
  /** Whether nothing new is shown now: paused, or nobody can see the page. */
  held: boolean;
  /** Messages that wait to be shown. */
  waiting: number;
}

export interface Options {
  /** The plugin key, `hfk_…`. */
  key: string;
  /** `dropcodes` unless given. */
  namespace?: string;
  /** The Socket.IO path, `/websockets` unless given. */
  path?: string;
  /** How many messages are shown at once; 1 unless given. */
  concurrency?: number;
  /** Whether messages wait while nobody can see the page; true unless given. */
  holdWhileHidden?: boolean;
  /** Where shown messages are remembered: localStorage, or `memory()`, `indexedDb(…)`. */
  seen?: Seen;
  /** Whether one tab or scene of this browser is active for a key; true unless given. */
  oneSource?: boolean;
  /** How often a handler may fail before the message counts as failed; 3 unless given. */
  attempts?: number;
  /** From a failure to the next attempt, in milliseconds; 2000 unless given. */
  retryDelay?: number;
  /** More options of socket.io-client. */
  socket?: Partial<ManagerOptions & SocketOptions>;
}

/** How often the service is told of what waits, in ms: it repeats a message after 15 s. */
const LEASE = 10_000;

/** Connects to a service, `https://drops.example.com` for instance. */
export function connect(url: string, options: Options): Plugin {
  return new Plugin(url, options);
}

export class Plugin {
  #handlers = new Map<string, Handler>();
  #listeners = new Set<(state: State) => void>();
  #outcomes = new Set<(message: Message, outcome: Outcome) => void>();
  #state: State["connection"] = "standby";
  #reason: string | undefined;
  #connection: Connection;
  #clock = new Clock();
  #queue: Queue;
  #outbox: Outbox;
  #seen: Seen;
  #here = new Set<string>();
  #hidden = false;
  #turn: Turn | undefined;
  #ends: (() => void)[] = [];

  constructor(url: string, options: Options) {
    const namespace = options.namespace ?? "dropcodes";
    const scope = `${namespace} ${nameOf(options.key)}`;
    this.#seen = options.seen ?? best(scope);
    const address = `${url.replace(/\/$/, "")}/${namespace}`;
    const socket: Partial<ManagerOptions & SocketOptions> = {
      path: options.path ?? "/websockets",
      auth: { key: options.key },
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      withCredentials: true,
      ...options.socket,
      query: { ...options.socket?.query, moved: 1 },
      autoConnect: false,
    };
    const make = (forceNew: boolean) => io(address, forceNew ? { ...socket, forceNew } : socket);
    this.#connection = new Connection(make, this.#side());
    this.#outbox = new Outbox(this.#connection, () => this.#reconnect());
    this.#queue = new Queue({
      concurrency: options.concurrency ?? 1,
      attempts: options.attempts ?? 3,
      retryDelay: options.retryDelay ?? 2000,
      show: (entry, showing) => this.#show(entry, showing),
      left: (entry) => this.#clock.left(entry.message),
      settled: (entry, outcome) => void this.#settled(entry, outcome),
    });
    if (options.holdWhileHidden ?? true) {
      this.#ends.push(watchVisibility((visible) => this.#visible(visible)));
    }
    this.#ends.push(watchReturn(() => this.#reconnect()));
    if (options.oneSource ?? true) {
      this.#turn = takeTurn(`holdfast ${scope}`, {
        begin: () => this.#begin(),
        end: () => this.#giveWay(),
        seen: () => !this.#hidden,
        // What is here and does not wait is on show, or on its way into or out of the queue.
        idle: () => this.#hidden && this.#here.size === this.#queue.waiting,
      });
      this.#ends.push(() => this.#turn?.leave());
    } else this.#begin();
    const lease = setInterval(() => this.#keepLease(), LEASE);
    this.#ends.push(() => clearInterval(lease));
  }

  /** The connection of now, for what a plugin does not do by itself. Each may be the last. */
  get socket(): Socket {
    return this.#connection.socket;
  }

  /** Shows the messages of an event with a handler; `*` is for events without one of their own. */
  on(event: string, handler: Handler): this {
    this.#handlers.set(event, handler);
    return this;
  }

  /** Calls back now, and whenever the state changes. Returns what ends that. */
  onState(listener: (state: State) => void): () => void {
    this.#listeners.add(listener);
    guarded(() => listener(this.state));
    return () => this.#listeners.delete(listener);
  }

  /** Calls back when this plugin is done with a message. Returns what ends that. */
  onOutcome(listener: (message: Message, outcome: Outcome) => void): () => void {
    this.#outcomes.add(listener);
    return () => this.#outcomes.delete(listener);
  }

  get state(): State {
    const { held, waiting } = this.#queue;
    const reason = this.#reason === undefined ? {} : { reason: this.#reason };
    return { connection: this.#state, ...reason, held, waiting };
  }

  /** The service's time, in milliseconds since 1970, once a message has come. */
  now(): number {
    return this.#clock.now();
  }

  /** Shows nothing new until `resume`. Messages wait, and expire. */
  pause(): void {
    this.#queue.hold("paused");
    this.#tell();
  }

  resume(): void {
    this.#queue.release("paused");
    this.#tell();
  }

  /** Ends what is on show, or drops what comes next. The service is told `skipped`. */
  skip(): void {
    this.#queue.skip();
  }

  /** Ends the plugin. What waits is delivered to the next one that connects with the key. */
  close(): void {
    this.#becomes("closed");
    this.#queue.close();
    this.#connection.disconnect();
    for (const end of this.#ends.splice(0)) end();
  }

  #begin(): void {
    this.#becomes("connecting");
    this.socket.connect();
  }

  /** Another source of the key can be seen, and this one cannot: it shows what waits here. */
  #giveWay(): void {
    this.#queue.clear();
    this.#here.clear();
    this.#becomes("standby");
    this.#connection.disconnect();
  }

  /** For good. Another source may have a key of the same name that is valid. */
  #refuse(reason: string): void {
    this.#becomes("refused", reason);
    this.#turn?.leave();
  }

  #side(): Side {
    const ended = () => this.#state === "closed" || this.#state === "standby";
    return {
      online: () => {
        this.#outbox.resend();
        this.#becomes("online");
      },
      offline: (reason) => ended() || this.#becomes("offline", reason),
      refused: (reason) => ended() || this.#refuse(reason),
      leaving: () => this.#keepLease(),
      received: (message, came) => {
        this.#clock.hear(message.sent_at);
        void this.#receive({ message, ...came, failures: 0 });
      },
    };
  }

  async #receive(entry: Entry): Promise<void> {
    const { id } = entry.message;
    const name = identity(entry.message);
    // A repeat: of what waits here, of what is being acknowledged, or of what was shown before.
    if (this.#here.has(name)) return this.#outbox.inProgress(id);
    if (this.#outbox.has(id)) return;
    this.#here.add(name);
    if (await this.#wasShown(name)) {
      this.#here.delete(name);
      if (entry.acknowledged) this.#outbox.acknowledge(entry); // shown, skipped or failed
      this.#tell();
      return;
    }
    this.#queue.add(entry);
    this.#tell();
  }

  /** A store that fails must not keep a message from being shown. */
  async #wasShown(name: string): Promise<boolean> {
    try {
      return await this.#seen.has(name);
    } catch (error) {
      console.error("cannot read which messages were shown", error);
      return false;
    }
  }

  #show(entry: Entry, showing: Showing): Promise<void> | null {
    this.#tell();
    const handler = this.#handlers.get(entry.event) ?? this.#handlers.get("*");
    if (!handler) {
      console.warn(`no handler for ${entry.event}`);
      return null;
    }
    return (async () => void (await handler(entry.data, entry.message, showing)))();
  }

  async #settled(entry: Entry, outcome: Outcome): Promise<void> {
    const { message } = entry;
    const name = identity(message);
    if (outcome !== "expired") {
      const until = Date.now() + this.#clock.left(message);
      try {
        await this.#seen.add(name, until);
      } catch (error) {
        console.error("cannot remember which messages were shown", error);
      }
      if (entry.acknowledged) this.#outbox.acknowledge(entry, outcome);
    }
    this.#here.delete(name);
    for (const listener of this.#outcomes) guarded(() => listener(message, outcome));
    this.#tell();
  }

  #visible(visible: boolean): void {
    this.#hidden = !visible;
    if (visible) this.#queue.release("hidden");
    else this.#queue.hold("hidden");
    this.#tell();
  }

  /** The network is back, or the machine was asleep: what looks like a connection may be none. */
  #reconnect(): void {
    if (["standby", "refused", "closed"].includes(this.#state)) return;
    this.#connection.disconnect();
    this.#begin();
  }

  #keepLease(): void {
    this.#queue.sweep();
    for (const entry of this.#queue.entries()) {
      if (entry.acknowledged) this.#outbox.inProgress(entry.message.id);
    }
  }

  #becomes(connection: State["connection"], reason?: string): void {
    this.#state = connection;
    this.#reason = reason;
    this.#tell();
  }

  #tell(): void {
    this.#turn?.look();
    if (this.#listeners.size === 0) return;
    const state = this.state;
    for (const listener of this.#listeners) guarded(() => listener(state));
  }
}

/** A listener that throws must not end what it listens to. */
function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    console.error("a listener has failed", error);
  }
}
