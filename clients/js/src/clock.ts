// The service's time, whatever this machine's clock says.

/** Samples that are kept: enough for one without delay, few enough to follow a clock that drifts. */
const SAMPLES = 8;
/** A longer way of this machine's clock beside one that nobody sets: it was set, in milliseconds. */
const STEP = 1000;

export class Clock {
  #samples: number[] = [];
  #beside = 0;

  constructor(
    private readonly local: () => number = () => Date.now(),
    private readonly steady: () => number = () => performance.now(),
  ) {}

  /** Takes the moment at which a message was sent; it has just arrived. */
  hear(sentAt: string): void {
    const local = this.local();
    const sample = local - Date.parse(sentAt);
    if (Number.isNaN(sample)) return;
    const beside = local - this.steady();
    if (Math.abs(beside - this.#beside) > STEP) this.#samples = [];
    this.#beside = beside;
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** How far this clock is ahead, in milliseconds. The sample that travelled least is right. */
  get ahead(): number {
    return this.#samples.length ? Math.min(...this.#samples) : 0;
  }

  /** The service's time, in milliseconds since 1970. */
  now(): number {
    return this.local() - this.ahead;
  }

  /** For how many milliseconds a message is still worth showing; 0 at least. */
  left(message: { expires_at: string }): number {
    return Math.max(0, Date.parse(message.expires_at) - this.now());
  }
}
