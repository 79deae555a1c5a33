// A channel watched live: each message as it is delivered, and what becomes of it.
import { useEffect, useState } from "preact/hooks";

import { words } from "./api";
import { millis } from "./format";
import { Stand } from "./messages";
import { Pill, Raw, Table, Trouble } from "./parts";
import { link } from "./route";
import { listen } from "./sse";

/** Messages that are kept; the oldest go. */
const KEPT = 200;
/** Characters of the data that are shown. */
const SHOWN = 300;

interface Arrival {
  type: "message";
  event: string;
  data: unknown;
  message: { id?: string; redelivered?: boolean } | null;
  late_ms: number | null;
}

interface Receipt {
  type: "receipt";
  id: string;
  state: string;
  keys: { delivered: number; acknowledged: number };
}

type Told = Arrival | Receipt | { type: "watching"; node: string } | { type: "trouble"; text: string };

interface Seen {
  number: number;
  at: Date;
  arrival: Arrival;
  receipt: Receipt | null;
}

interface State {
  node: string | null;
  trouble: string | null;
  seen: Seen[];
  count: number;
}

const NOTHING: State = { node: null, trouble: null, seen: [], count: 0 };

function next(state: State, told: Told): State {
  switch (told.type) {
    case "watching":
      return { ...state, node: told.node || "a node", trouble: null };
    case "trouble":
      return { ...state, node: null, trouble: told.text };
    case "receipt":
      return { ...state, seen: state.seen.map((one) => (one.arrival.message?.id === told.id ? { ...one, receipt: told } : one)) };
    case "message": {
      const seen = { number: state.count, at: new Date(), arrival: told, receipt: null };
      return { ...state, count: state.count + 1, seen: [seen, ...state.seen].slice(0, KEPT) };
    }
  }
}

export function Watch({ namespace, channel }: { namespace: string; channel: string }) {
  const [state, set] = useState(NOTHING);
  useEffect(() => {
    const stop = new AbortController();
    const query = new URLSearchParams({ namespace, channel });
    const take = (told: unknown) => set((old) => next(old, told as Told));
    listen(`/watch?${query}`, stop.signal, take).catch((error) => {
      if (!stop.signal.aborted) set((old) => ({ ...old, node: null, trouble: words(error) }));
    });
    return () => stop.abort();
  }, [namespace, channel]);
  return (
    <section aria-label="Live">
      <h2>Live</h2>
      <p role="status">
        {state.node ? (
          <>
            <Pill kind="good">watching</Pill> through <Raw>{state.node}</Raw>, with a key that counts in no receipt and
            ends with the watch.
          </>
        ) : (
          "joining …"
        )}
      </p>
      <Trouble>{state.trouble}</Trouble>
      {state.seen.length === 0 ? (
        <p>No message has come since. Those that are still live come first.</p>
      ) : (
        <Arrivals seen={state.seen} of={[namespace, channel]} />
      )}
    </section>
  );
}

function Arrivals({ seen, of }: { seen: Seen[]; of: [string, string] }) {
  return (
    <Table name="Live messages" head={["At", "Late", "Message", "Event", "Data", "Since then"]}>
      {seen.map(({ number, at, arrival: { event, data, message, late_ms }, receipt }) => (
        <tr key={number}>
          <td>{at.toLocaleTimeString("en-GB")}</td>
          <td>{late_ms === null ? "–" : millis(late_ms)}</td>
          <td>
            {message?.id && (
              <a href={link("channels", ...of, message.id)}>
                <Raw>{message.id}</Raw>
              </a>
            )}{" "}
            {message?.redelivered && <Pill kind="warn">again</Pill>}
          </td>
          <td>
            <Raw>{event}</Raw>
          </td>
          <td>
            <Raw>{short(data)}</Raw>
          </td>
          <td>
            {receipt && (
              <>
                <Stand state={receipt.state} /> {receipt.keys.acknowledged} of {receipt.keys.delivered} acknowledged
              </>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function short(data: unknown): string {
  const text = JSON.stringify(data) ?? "";
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
