// Looking again and again, while a view is shown.
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { call, words } from "./api";

export interface Looked<T> {
  value: T | null;
  trouble: string | null;
  again: () => void;
}

/** Asks for `path` now and every `period` ms while the page is shown; never two at once. */
export function useLook<T>(path: string | null, period: number): Looked<T> {
  const [state, set] = useState<{ path: string | null; value: T | null; trouble: string | null }>({
    path,
    value: null,
    trouble: null,
  });
  const again = useRef(() => {});
  useEffect(() => {
    if (path === null) return;
    let [stopped, timer, busy] = [false, 0, false];
    const look = async () => {
      clearTimeout(timer);
      if (busy) return;
      busy = true;
      if (!document.hidden) {
        try {
          const value = await call<T>("GET", path);
          if (!stopped) set({ path, value, trouble: null });
        } catch (error) {
          if (!stopped) set((old) => ({ path, value: old.path === path ? old.value : null, trouble: words(error) }));
        }
      }
      busy = false;
      if (!stopped) timer = window.setTimeout(look, period);
    };
    again.current = look;
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [path, period]);
  const isOwn = state.path === path;
  return { value: isOwn ? state.value : null, trouble: isOwn ? state.trouble : null, again: () => again.current() };
}

/** The time, again every `period` ms. */
export function useNow(period: number): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), period);
    return () => clearInterval(timer);
  }, [period]);
  return now;
}

/** The width of an element in pixels. */
export function useWidth<T extends Element>(usual: number): [RefObject<T | null>, number] {
  const element = useRef<T>(null);
  const [width, set] = useState(usual);
  useEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => entry && set(entry.contentRect.width));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
