// The figures that the server pushes each second. A page that is hidden does not listen, so that
// nodes are asked for nobody.
import { useEffect, useState } from "preact/hooks";

import { words } from "./api";
import { type Happening, happened } from "./happenings";
import { listen } from "./sse";
import type { Round } from "./types";

export interface Feed {
  round: Round | null;
  trouble: string | null;
  happenings: Happening[];
}

const RETRY = 1000;
const KEPT = 50;

let state: Feed = { round: null, trouble: null, happenings: [] };
const listeners = new Set<(state: Feed) => void>();

function set(change: Partial<Feed>): void {
  state = { ...state, ...change };
  for (const listener of listeners) listener(state);
}

/** What the feed says now, and again whenever it changes. */
export function useFeed(): Feed {
  const [shown, show] = useState(state);
  useEffect(() => {
    listeners.add(show);
    show(state);
    return () => void listeners.delete(show);
  }, []);
  return shown;
}

function take(document: unknown): void {
  const round = document as Round;
  const news = happened(state.round, round);
  set({ round, trouble: null, happenings: [...news, ...state.happenings].slice(0, KEPT) });
}

/** Listens for as long as the page is shown. */
export async function keepListening(): Promise<never> {
  for (;;) {
    if (document.hidden) {
      await new Promise((resolve) => addEventListener("visibilitychange", resolve, { once: true }));
      continue;
    }
    const stop = new AbortController();
    const hide = () => document.hidden && stop.abort();
    addEventListener("visibilitychange", hide);
    await listen("/feed", stop.signal, take).catch((error) => {
      if (!stop.signal.aborted) set({ trouble: words(error) });
    });
    removeEventListener("visibilitychange", hide);
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}
