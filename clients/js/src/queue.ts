// Messages that wait to be shown, one after the other. It knows no socket and no page.
import type { Entry, Outcome } from "./entry.js";

/** What a handler may look at while it shows a message. */
export interface Showing {
  /** Aborted when the message is skipped, or the plugin is closed. */
  signal: AbortSignal;
}

export interface QueueOptions {
  /** How many messages are shown at once. */
  concurrency: number;
  /** How often a handler may fail before the message counts as failed. */
  attempts: number;
  /** From a failure to the next attempt, in milliseconds. */
  retryDelay: number;
  /** Shows a message; it is shown when the promise resolves. Null: nothing shows such messages. */
  show(entry: Entry, showing: Showing): Promise<void> | null;
  /** For how many milliseconds a message is still worth showing. */
  left(entry: Entry): number;
  /** A message has left the queue. */
  settled(entry: Entry, outcome: Outcome): void;
}

export class Queue {
  #waiting: Entry[] = [];
  #showing = new Map<Entry, AbortController>();
  #later = new Map<Entry, ReturnType<typeof setTimeout>>();
  #holds = new Set<string>();

  constructor(private readonly options: QueueOptions) {}

  /** Takes a message; the ones before it are shown first. */
  add(entry: Entry): void {
    this.#waiting.push(entry);
    this.#go();
  }

  /** Every message that is here, the ones on show first. */
  entries(): Entry[] {
    return [...this.#showing.keys(), ...this.#later.keys(), ...this.#waiting];
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#waiting.length + this.#later.size;
  }

  get held(): boolean {
    return this.#holds.size > 0;
  }

  /** Begins nothing new until `release` with the same reason. What is on show ends. */
  hold(reason: string): void {
    this.#holds.add(reason);
  }

  release(reason: string): void {
    this.#holds.delete(reason);
    this.#go();
  }

  /** Ends what is on show, or else drops the message that comes next. */
  skip(): void {
    if (this.#showing.size > 0) {
      for (const controller of this.#showing.values()) controller.abort();
      return;
    }
    const next = this.#waiting.shift();
    if (next) this.options.settled(next, "skipped");
  }

  /** Drops what has expired. */
  sweep(): void {
    const expired = this.#waiting.filter((entry) => this.options.left(entry) <= 0);
    if (expired.length === 0) return;
    this.#waiting = this.#waiting.filter((entry) => !expired.includes(entry));
    for (const entry of expired) this.options.settled(entry, "expired");
  }

  /** Forgets what waits, and says nothing about it. */
  clear(): void {
    this.#waiting = [];
    for (const timer of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
  }

  /** Ends everything, and says nothing about it. */
  close(): void {
    this.hold("closed");
    this.clear();
    for (const controller of this.#showing.values()) controller.abort();
  }

  #go(): void {
    while (!this.held && this.#showing.size < this.options.concurrency) {
      const entry = this.#waiting.shift();
      if (!entry) return;
      if (this.options.left(entry) <= 0) this.options.settled(entry, "expired");
      else void this.#show(entry);
    }
  }

  async #show(entry: Entry): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#showing.set(entry, controller);
    let outcome: Outcome | "again" = "shown";
    try {
      const shown = this.options.show(entry, { signal });
      if (shown === null) outcome = "skipped";
      // A handler that does not listen to the signal must not keep the next message waiting.
      else await Promise.race([shown, aborted(signal)]);
    } catch (error) {
      outcome = signal.aborted ? "skipped" : this.#failed(entry, error);
    }
    this.#showing.delete(entry);
    if (this.#holds.has("closed")) return;
    if (outcome === "again") this.#again(entry);
    else this.options.settled(entry, outcome);
    this.#go();
  }

  #failed(entry: Entry, error: unknown): "failed" | "again" {
    entry.failures += 1;
    console.error(`the handler of ${entry.event} has failed for ${entry.message.id}`, error);
    return entry.failures < this.options.attempts ? "again" : "failed";
  }

  #again(entry: Entry): void {
    const timer = setTimeout(() => {
      this.#later.delete(entry);
      this.#waiting.unshift(entry);
      this.#go();
    }, this.options.retryDelay);
    this.#later.set(entry, timer);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
