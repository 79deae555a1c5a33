// Whether anybody can see the page: the browser's word, and OBS's.

declare global {
  interface Window {
    obsstudio?: object;
  }
}

/** Calls `changed` at each change of visibility, and once at the start. Returns what ends that. */
export function watchVisibility(changed: (visible: boolean) => void): () => void {
  if (typeof document === "undefined") {
    changed(true);
    return () => {};
  }
  // A source that is in no scene on air, as OBS tells it; true until it tells.
  const obs = { visible: true, active: true };
  const tell = () => changed(document.visibilityState !== "hidden" && obs.visible && obs.active);
  const told = (event: Event) => {
    Object.assign(obs, (event as CustomEvent<Partial<typeof obs>>).detail);
    tell();
  };
  document.addEventListener("visibilitychange", tell);
  window.addEventListener("obsSourceVisibleChanged", told);
  window.addEventListener("obsSourceActiveChanged", told);
  tell();
  return () => {
    document.removeEventListener("visibilitychange", tell);
    window.removeEventListener("obsSourceVisibleChanged", told);
    window.removeEventListener("obsSourceActiveChanged", told);
  };
}

/** From one look at the clock to the next, in milliseconds. */
const LOOK = 5000;
/** A longer time without a look means that the machine slept: hidden pages get one a minute. */
const ASLEEP = 90_000;

/** Calls `back` when the network is back, or the machine has slept. Returns what ends that. */
export function watchReturn(back: () => void): () => void {
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > ASLEEP) back();
    last = now;
  }, LOOK);
  const isPage = typeof window !== "undefined";
  if (isPage) window.addEventListener("online", back);
  else (timer as { unref?(): void }).unref?.();
  return () => {
    clearInterval(timer);
    if (isPage) window.removeEventListener("online", back);
  };
}
