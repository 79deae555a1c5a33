// A list of any length, of which only what is in view is in the document. Arrow keys, Home and End
// move through it.
import type { ComponentChild } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Height of a row in pixels; the style sheet has the same. */
const ROW = 36;
/** Rows beyond what is in view, on each side. */
const MARGIN = 8;

interface Props<T> {
  label: string;
  items: T[];
  name: (item: T) => string;
  href: (item: T) => string;
  show: (item: T) => ComponentChild;
  /** Called when the end comes into view. */
  more: () => void;
}

export function VirtualList<T>({ label, items, name, href, show, more }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const wanted = useRef<number | null>(null);
  const [range, setRange] = useState<[number, number]>([0, 40]);
  const look = () => {
    const { scrollTop, clientHeight } = box.current!;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - MARGIN);
    const last = Math.ceil((scrollTop + clientHeight) / ROW) + MARGIN;
    setRange(([f, l]) => (f === first && l === last ? [f, l] : [first, last]));
  };
  useLayoutEffect(look, [items.length]);
  useEffect(() => {
    if (range[1] >= items.length) more();
  }, [range[1], items.length]);
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-at="${wanted.current}"]`);
    if (row) {
      wanted.current = null;
      row.focus({ preventScroll: true });
    }
  });
  const move = (event: KeyboardEvent) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-at]");
    if (!row) return;
    const at = Number(row.dataset.at);
    const page = Math.floor(box.current!.clientHeight / ROW) - 1;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const to = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 : at + (steps[event.key] ?? NaN);
    if (Number.isNaN(to)) return;
    event.preventDefault();
    go(Math.min(items.length - 1, Math.max(0, to)));
  };
  const go = (to: number) => {
    const { scrollTop, clientHeight } = box.current!;
    wanted.current = to;
    if (to * ROW < scrollTop) box.current!.scrollTop = to * ROW;
    else if ((to + 1) * ROW > scrollTop + clientHeight) box.current!.scrollTop = (to + 1) * ROW - clientHeight;
    look();
    setRange(([first, last]) => [first, last]);
  };
  const [first, last] = range;
  return (
    <div class="virtual" ref={box} onScroll={look} onKeyDown={move} role="list" aria-label={label} tabIndex={-1}>
      <div style={{ height: `${items.length * ROW}px` }}>
        <div style={{ transform: `translateY(${first * ROW}px)` }}>
          {items.slice(first, last).map((item, number) => (
            <div key={name(item)} role="listitem" aria-setsize={items.length} aria-posinset={first + number + 1}>
              <a class="row" data-at={first + number} href={href(item)}>
                {show(item)}
              </a>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
