// Figures and times in words.
import type { Histogram } from "./types";

export const number = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 0 });

export const rate = (value: number) =>
  value === 0 ? "0" : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });

export function millis(value: number): string {
  if (value >= 1000) return `${rate(value / 1000)} s`;
  return `${value.toLocaleString("en", { maximumSignificantDigits: 2 })} ms`;
}

/** The bound that a part of all stays within; that it is beyond all bounds, where it is. */
export function within(part: "p50" | "p99", histogram: Histogram): string {
  const bound = histogram[part];
  if (bound !== null) return `≤ ${millis(bound)}`;
  const most = histogram.buckets.at(-2)?.[0];
  return histogram.count > 0 && most ? `> ${millis(most)}` : "–";
}

/** A length of time, in its two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const units: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = units.findIndex(([size]) => seconds >= size);
  const [size, unit] = units[at]!;
  const smaller = units[at + 1];
  const whole = Math.floor(seconds / size);
  const rest = smaller && Math.floor((seconds % size) / smaller[0]);
  return rest ? `${whole} ${unit} ${rest} ${smaller[1]}` : `${whole} ${unit}`;
}

export function ago(time: string | null | undefined, now: number): string {
  if (!time) return "never";
  return `${span(now - Date.parse(time))} ago`;
}

/** A moment in this machine's time zone, to the millisecond. */
export function moment(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => pad(n)).join(":");
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${clock}.${pad(date.getMilliseconds(), 3)}`;
}

export const spaced = (word: string) => word.replaceAll("_", " ");

/** The words after a number. */
export const plural = (count: number, one: string, many = `${one}s`) =>
  `${number(count)} ${count === 1 ? one : many}`;
