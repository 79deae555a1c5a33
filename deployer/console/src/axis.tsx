// All timeouts on one logarithmic axis: what must fit what is seen at a glance.
import { useWidth } from "./hooks";
import type { Row, Rule, Rules } from "./types";

const BAR = 14;
const LINE = 44;
const TOP = 26;
/** Room at the right for what joins the pair of a rule that is violated. */
const RIGHT = 44;
const TICKS: [seconds: number, text: string][] = [
  [1, "1 s"],
  [5, "5 s"],
  [20, "20 s"],
  [60, "1 min"],
  [300, "5 min"],
  [1800, "30 min"],
  [7200, "2 h"],
];

/** Violated rules of two or more settings of the picture. */
function pairs(rows: Row[], rules: Rule[]): { rule: Rule; at: number[] }[] {
  const place = (key: string) => rows.findIndex((row) => row.key === key);
  return rules
    .filter((rule) => rule.state === "violated")
    .map((rule) => ({ rule, at: [...new Set((rule.settings ?? []).map(place))].filter((at) => at >= 0) }))
    .filter(({ at }) => at.length > 0);
}

export function Axis({ picture, rules }: { picture: Rules["pictures"][number]; rules: Rule[] }) {
  const [box, width] = useWidth<HTMLDivElement>(720);
  const rows = picture.rows.filter((row) => row.seconds !== null);
  const missing = picture.rows.filter((row) => row.seconds === null);
  const broken = pairs(rows, rules);
  const bad = new Set(broken.flatMap(({ at }) => at));
  const most = Math.max(60, ...rows.map((row) => row.seconds!)) * 1.3;
  const [low, high] = [Math.log(0.5), Math.log(most)];
  const room = Math.max(100, width - RIGHT);
  const x = (seconds: number) => ((Math.log(Math.max(0.5, seconds)) - low) / (high - low)) * room;
  const y = (at: number) => TOP + at * LINE;
  const height = y(rows.length) + 4;
  return (
    <figure ref={box} class="axis">
      <figcaption>{picture.subject}</figcaption>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={spoken(rows, bad)}>
        {TICKS.filter(([seconds]) => seconds < most).map(([seconds, text]) => (
          <g key={text} class="tick">
            <line x1={x(seconds)} x2={x(seconds)} y1={TOP - 8} y2={height} />
            <text x={x(seconds)} y={TOP - 13} text-anchor="middle">
              {text}
            </text>
          </g>
        ))}
        {rows.map((row, at) => (
          <g key={row.key} class={bad.has(at) ? `bar bad` : `bar ${row.part}`} data-key={row.key}>
            <title>{`${row.title} = ${row.value} at ${row.place}`}</title>
            <text x={2} y={y(at) + 11}>{`${row.title} ${row.value}${bad.has(at) ? " ✗" : ""}`}</text>
            <rect x={0} y={y(at) + 17} width={x(row.seconds!)} height={BAR} rx={3} />
          </g>
        ))}
        {broken.map(({ rule, at }, number) => (
          <g key={rule.name} class="pair" data-rule={rule.name}>
            <title>{`${rule.name}: ${rule.message}`}</title>
            <path d={bracket(rows, at, x, y, room + 8 + (number % 4) * 9)} />
          </g>
        ))}
      </svg>
      {missing.length > 0 && <p>Not seen: {missing.map((row) => row.title).join(", ")}.</p>}
    </figure>
  );
}

/** A line from the end of each bar to the one that joins them. */
function bracket(rows: Row[], at: number[], x: (s: number) => number, y: (n: number) => number, right: number): string {
  const middle = (row: number) => y(row) + 17 + BAR / 2;
  const ends = at.map((row) => `M${x(rows[row]!.seconds!) + 3} ${middle(row)}H${right}`);
  return `${ends.join("")}M${right} ${middle(Math.min(...at))}V${middle(Math.max(...at))}`;
}

const spoken = (rows: Row[], bad: Set<number>) =>
  rows.map((row, at) => `${row.title} ${row.value}${bad.has(at) ? ", of a violated rule" : ""}`).join("; ");
