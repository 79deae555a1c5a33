// One active source for each key: of several tabs or scenes of a browser, one connects. A hidden one
// gives way to one that can be seen.

/** What the election asks its page, and tells it. */
export interface Side {
  /** The turn has come. */
  begin(): void;
  /** The turn goes to another one: what waits here goes back to the service. */
  end(): void;
  /** Whether somebody can see the page. */
  seen(): boolean;
  /** Whether it may give way: nobody can see the page, and nothing is on show. */
  idle(): boolean;
}

export interface Turn {
  /** To be called when `seen` or `idle` may have changed. */
  look(): void;
  /** Gives the turn up for good. */
  leave(): void;
}

/** Takes part in the election of a name. */
export function takeTurn(name: string, side: Side): Turn {
  if (typeof BroadcastChannel !== "undefined") {
    if (typeof navigator !== "undefined" && navigator.locks) return byLock(name, side);
    if (typeof window !== "undefined") return byChannel(name, side);
  }
  side.begin();
  return { look() {}, leave() {} };
}

/** `wanted`: who waits can be seen. `free`: who has the turn would give way. */
type Wish = "wanted" | "free";

/** Says a wish once, when it has come up, until the channel is closed. */
function wishes(side: Side, active: () => boolean, say: (wish: Wish) => void) {
  let said: Wish | undefined;
  let closed = false;
  const look = () => {
    if (closed) return;
    let wish: Wish | undefined;
    if (active()) wish = side.idle() ? "free" : undefined;
    else wish = side.seen() ? "wanted" : undefined;
    if (wish === said) return;
    said = wish;
    if (wish) say(wish);
  };
  return { look, close: () => (closed = true) };
}

/** The browser queues those who wait. Who gives way asks again, behind the others. */
export function byLock(name: string, side: Side, locks: LockManager = navigator.locks): Turn {
  const channel = new BroadcastChannel(name);
  let controller: AbortController;
  let release: (() => void) | undefined;
  const { look, close } = wishes(side, () => release !== undefined, (wish) => channel.postMessage(wish));
  const leave = () => {
    close();
    channel.close();
  };
  const held = () =>
    new Promise<void>((resolve) => {
      release = resolve;
      side.begin();
      look();
    });
  const request = () => {
    controller = new AbortController();
    const { signal } = controller;
    locks.request(name, { signal }, held).catch((error: unknown) => {
      if (signal.aborted) return;
      leave();
      throw error;
    });
  };
  const giveUp = () => {
    if (release) release();
    else controller.abort();
    release = undefined;
  };
  channel.onmessage = ({ data }: MessageEvent<Wish>) => {
    if (data === "free" && !release && side.seen()) channel.postMessage("wanted");
    if (data !== "wanted" || !release || !side.idle()) return;
    side.end();
    giveUp();
    request();
    look();
  };
  request();
  look();
  return {
    look,
    leave() {
      leave();
      giveUp();
    },
  };
}

/** Times of the election, in milliseconds. */
export interface Pace {
  /** From one question to the next. */
  ask: number;
  /** Questions without an answer before a page takes the turn. */
  unanswered: number;
}

const PACE: Pace = { ask: 1000, unanswered: 2 };

/**
 * A number is a question, `taken` its answer. `wanted` has the number of who wants the turn, `to` of
 * who gets it.
 */
type Word = number | "taken" | "free" | { wanted: number } | { to: number };

/**
 * Without locks, as on pages over HTTP: who waits asks, and who has the turn answers. Browsers slow
 * a hidden page's timers down but not its answers. Of two that ask at once, the one with the lower
 * number is first. Who gives way hands the turn to the one that wants it.
 */
export function byChannel(name: string, side: Side, pace: Pace = PACE): Turn {
  const channel = new BroadcastChannel(name);
  const me = Math.random();
  const say = (word: Word) => channel.postMessage(word);
  let active = false;
  let unanswered = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const { look, close } = wishes(side, () => active, (wish) => say(wish === "free" ? wish : { wanted: me }));
  const take = () => {
    active = true;
    clearInterval(timer);
    say("taken");
    side.begin();
    look();
  };
  const ask = () => {
    if (unanswered >= pace.unanswered) return take();
    unanswered += 1;
    say(me);
  };
  const wait = () => {
    active = false;
    unanswered = 0;
    timer = setInterval(ask, pace.ask);
  };
  const giveWay = (to: number) => {
    side.end();
    wait();
    say({ to });
    look();
  };
  channel.onmessage = ({ data }: MessageEvent<Word>) => {
    if (typeof data === "object") {
      if ("wanted" in data && active && side.idle()) giveWay(data.wanted);
      else if ("to" in data && data.to === me && !active) take();
    } else if (data === "free") {
      if (!active && side.seen()) say({ wanted: me });
    } else if (active) {
      if (data !== "taken") say("taken");
    } else if (data === "taken" || data < me) unanswered = 0;
  };
  wait();
  ask();
  look();
  return {
    look,
    leave() {
      clearInterval(timer);
      close();
      channel.close();
    },
  };
}
