// Who is refused and banned: from where, why, until when, and whether those suffer who may come.
import { millis, number, plural, rate, span, spaced } from "./format";
import { useNow } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";
import type { Refusing, Round } from "./types";

/** What reasons mean, where their name does not say it. */
const WHY: Record<string, string> = {
  invalid_key: "wrong key",
  invalid_backend_key: "wrong backend key",
  missing_key: "no key",
  join_timeout: "joined nothing in time",
  banned: "banned after too many wrong keys",
  address_handshakes: "too many handshakes from one address",
  address_connections: "too many connections from one address",
  address_requests: "too many requests at once from one address",
  address_sessions: "too many sessions from one address",
  address_unjoined: "too many sessions without a key from one address",
  too_many_connections: "no place for connections is left",
  reserved_place: "the last places are reserved",
  too_many_sessions: "no place for sessions is left",
  too_many_unjoined: "no place for sessions without a key is left",
  too_many_addresses: "the table of addresses is full",
  key_sockets: "a valid key has too many sockets",
  key_joins: "a valid key joins too often",
  key_addresses: "a valid key comes from too many networks",
  store_unavailable: "the key cannot be checked, the store is away",
  overloaded: "the node is overloaded",
  draining: "the node leaves",
};
/** Reasons that clients with a valid key meet alone. */
const VALID = ["key_sockets", "key_joins", "key_addresses", "store_unavailable"];
/** Reasons that whoever comes newly may meet, with a valid key too. */
const ANYBODY = [
  "too_many_connections",
  "reserved_place",
  "too_many_sessions",
  "too_many_unjoined",
  "too_many_addresses",
  "overloaded",
];

const why = (reason: string) => WHY[reason] ?? spaced(reason);

type Counts = [reason: string, count: number][];

/** The reasons' counts of some lines, the most frequent first. */
function counts(lines: Refusing["refused"], wanted?: string[]): Counts {
  const sums = new Map<string, number>();
  for (const { reason, count } of lines) {
    if (!wanted || wanted.includes(reason)) sums.set(reason, (sums.get(reason) ?? 0) + count);
  }
  return [...sums].sort(([, one], [, other]) => other - one);
}

const listed = (some: Counts) => some.map(([reason, count]) => `${why(reason)} ${number(count)}`).join(", ");
const total = (some: Counts) => some.reduce((sum, [, count]) => sum + count, 0);

export function Refused({ round }: { round: Round }) {
  const now = useNow(1000);
  const { refusing } = round;
  return (
    <section aria-label="Who is refused">
      <h2>Who is refused</h2>
      {!refusing && <p>Nobody was refused in the last minute, and nobody is banned.</p>}
      {refusing && <Trouble>{refusing.trouble}</Trouble>}
      {refusing && <Verdict refusing={refusing} round={round} />}
      {refusing && <Networks refusing={refusing} now={now} />}
    </section>
  );
}

/** What it comes to, in words. */
function Verdict({ refusing, round }: { refusing: Refusing; round: Round }) {
  const all = counts(refusing.refused);
  const sources = new Set(refusing.refused.map(({ network }) => network ?? "other networks"));
  const [valid, anybody] = [counts(refusing.refused, VALID), counts(refusing.refused, ANYBODY)];
  const { p99 } = round.all.lateness;
  const late = p99 !== null && p99 > 1000;
  const suffer = valid.length > 0 || anybody.length > 0 || late;
  return (
    <>
      <p>
        {all.length === 0
          ? "Nobody was refused in the last minute."
          : `${number(total(all))} refused in the last minute, from ${plural(sources.size, "network")}: ${listed(all)}.`}
      </p>
      <p>
        <Pill kind={suffer ? "bad" : "good"}>{suffer ? "clients suffer" : "clients are well"}</Pill>{" "}
        {valid.length > 0 && `Clients with a valid key were refused: ${listed(valid)}. `}
        {anybody.length > 0 && `Newcomers were refused, whatever their key: ${listed(anybody)}. `}
        {valid.length === 0 && anybody.length === 0 && "No client with a valid key was refused. "}
        {number(round.all.sockets.reduce((sum, { count }) => sum + count, 0))} sockets are connected,{" "}
        {rate(round.all.connects)} connect each second
        {p99 !== null && `, and of 100 messages 99 are at most ${millis(p99)} late`}.
      </p>
    </>
  );
}

interface Source {
  network: string | null;
  counts: Counts;
  ban: Refusing["banned"][number] | undefined;
}

/** The networks, those with the most refusals first; then those that are banned and silent. */
function sources(refusing: Refusing): Source[] {
  const names = new Set([...refusing.refused, ...refusing.banned].map(({ network }) => network));
  const all = [...names].map((network) => ({
    network,
    counts: counts(refusing.refused.filter((line) => line.network === network)),
    ban: refusing.banned.find((ban) => ban.network === network),
  }));
  return all.sort((one, other) => total(other.counts) - total(one.counts));
}

function Networks({ refusing, now }: { refusing: Refusing; now: number }) {
  return (
    <>
      <Table name="Networks" head={["Network", "Refused, last minute", "Why", "Banned"]}>
        {sources(refusing).map(({ network, counts, ban }) => (
          <tr key={network}>
            <th scope="row">
              <Raw>{network ?? "others"}</Raw>
            </th>
            <td>{number(total(counts))}</td>
            <td>
              <Raw>{listed(counts)}</Raw>
            </td>
            <td>{ban ? <Ban ban={ban} now={now} /> : "no"}</td>
          </tr>
        ))}
      </Table>
      {refusing.other_banned_networks > 0 && (
        <p>{plural(refusing.other_banned_networks, "further network")} with banned addresses.</p>
      )}
    </>
  );
}

function Ban({ ban, now }: { ban: Refusing["banned"][number]; now: number }) {
  const left = Date.parse(ban.until) - now;
  return (
    <>
      <Pill kind="bad">{plural(ban.addresses, "address", "addresses")}</Pill> until{" "}
      {new Date(ban.until).toLocaleTimeString("en-GB")}
      {left > 0 && `, ${span(left)} more`}
    </>
  );
}
