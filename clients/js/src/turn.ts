// One active source for each key: of several tabs or scenes of a browser, one connects.

/** Calls `begin` when this page's turn has come. Returns what gives the turn up. */
export function takeTurn(name: string, begin: () => void): () => void {
  if (typeof navigator !== "undefined" && navigator.locks) return byLock(name, begin);
  if (typeof window !== "undefined" && typeof BroadcastChannel !== "undefined") {
    return byChannel(name, begin);
  }
  begin();
  return () => {};
}

function byLock(name: string, begin: () => void): () => void {
  const controller = new AbortController();
  let leave = () => controller.abort();
  const held = () =>
    new Promise<void>((resolve) => {
      leave = resolve;
      begin();
    });
  navigator.locks.request(name, { signal: controller.signal }, held).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return () => leave();
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
 * Without locks, as on pages over HTTP: who waits asks, and who has the turn answers. Browsers slow
 * a hidden page's timers down but not its answers. Of two that ask at once, the one with the lower
 * number is first.
 */
export function byChannel(name: string, begin: () => void, pace: Pace = PACE): () => void {
  const channel = new BroadcastChannel(name);
  const me = Math.random();
  let active = false;
  let unanswered = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  channel.onmessage = ({ data }: MessageEvent<number | "taken">) => {
    if (active && data !== "taken") channel.postMessage("taken");
    else if (!active && (data === "taken" || data < me)) unanswered = 0;
  };
  const ask = () => {
    if (unanswered >= pace.unanswered) {
      active = true;
      clearInterval(timer);
      channel.postMessage("taken");
      begin();
      return;
    }
    unanswered += 1;
    channel.postMessage(me);
  };
  timer = setInterval(ask, pace.ask);
  ask();
  return () => {
    clearInterval(timer);
    channel.close();
  };
}
