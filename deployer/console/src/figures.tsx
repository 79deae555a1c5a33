// Figures of all nodes together.
import { millis, number, plural, rate, spaced, within } from "./format";
import { Raw, Table, Tile } from "./parts";
import type { Counted, Figures, Histogram, Round } from "./types";

const sum = (counted: Counted[]) => counted.reduce((total, { rate: more }) => total + more, 0);

export function Tiles({ round: { all, refusing }, nodes }: { round: Round; nodes: number }) {
  const sockets = all.sockets.reduce((total, { count }) => total + count, 0);
  const of = (state: string) => all.messages.find(({ name }) => name === state)?.rate ?? 0;
  const refused = sum(all.refusals);
  // Nodes tell each other of bans: their counts do not add up.
  const banned = refusing?.banned.reduce((total, { addresses }) => total + addresses, 0) ?? 0;
  return (
    <dl class="tiles">
      <Tile name="Nodes" value={number(nodes)} />
      <Tile name="Sockets" value={number(sockets)} note={`${rate(all.connects)} connects/s`} />
      <Tile name="Messages" value={`${rate(of("delivered"))}/s`} note={`${rate(of("acknowledged"))} acknowledged/s`} />
      <Tile
        name="Late, p99"
        value={within("p99", all.lateness)}
        note={`half ${within("p50", all.lateness)}`}
        bad={(all.lateness.p99 ?? 0) > 1000}
      />
      <Tile
        name="Store, p99"
        value={within("p99", all.store)}
        note={`${rate(all.store_errors)} errors/s`}
        bad={all.store_errors > 0}
      />
      <Tile name="Refused" value={`${rate(refused)}/s`} note={`${plural(banned, "address", "addresses")} banned`} bad={refused > 1} />
    </dl>
  );
}

/** How many took how long: bars of the buckets that hold anything, and those between. */
export function Bars({ title, histogram }: { title: string; histogram: Histogram }) {
  const counts = histogram.buckets.map(([, count]) => count);
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  const shown = first < 0 ? [] : histogram.buckets.slice(first, last + 1);
  const most = Math.max(...counts, 1);
  const bound = (at: number) => {
    const [upto] = shown[at]!;
    if (upto !== null) return `≤ ${millis(upto)}`;
    const before = histogram.buckets.at(-2)?.[0];
    return before ? `> ${millis(before)}` : "any";
  };
  return (
    <section>
      <h2>{title}</h2>
      {shown.length === 0 && <p>Nothing was measured.</p>}
      <table class="bars">
        <tbody>
          {shown.map(([upto, count], at) => (
            <tr key={upto}>
              <th scope="row">{bound(at)}</th>
              <td>
                <meter aria-hidden="true" value={count} max={most} />
              </td>
              <td>{number(count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Sockets({ all }: { all: Figures }) {
  return (
    <section>
      <h2>Sockets</h2>
      {all.sockets.length === 0 && <p>Nobody has joined since the nodes' start.</p>}
      <Table name="Sockets" head={["Namespace", "Transport", "Protocol", "Sockets"]}>
        {all.sockets.map(({ namespace, transport, protocol, count }) => (
          <tr key={namespace + transport + protocol}>
            <td>
              <Raw>{namespace}</Raw>
            </td>
            <td>
              <Raw>{transport}</Raw>
            </td>
            <td>
              <Raw>{protocol}</Raw>
            </td>
            <td>{number(count)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

export function Refusals({ all }: { all: Figures }) {
  const rows: [string, Counted][] = [
    ...all.refusals.map((one) => ["refused", one] as [string, Counted]),
    ...all.disconnects.map((one) => ["disconnected", one] as [string, Counted]),
    ...all.messages.map((one) => ["message", one] as [string, Counted]),
  ];
  rows.sort(([, one], [, other]) => other.rate - one.rate);
  return (
    <section>
      <h2>Refusals, disconnects, messages</h2>
      <Table name="Counters" head={["What", "Reason or state", "A second", "Since the nodes' start"]}>
        {rows.map(([what, { name, total, rate: now }]) => (
          <tr key={what + name}>
            <td>{what}</td>
            <td>
              <Raw>{spaced(name)}</Raw>
            </td>
            <td>{rate(now)}</td>
            <td>{number(total)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
