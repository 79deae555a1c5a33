// One message: why it is where it is, and all that happened to it.
import { useState } from "preact/hooks";

import { channelPath } from "./api";
import { moment, spaced } from "./format";
import { useLook } from "./hooks";
import { Stand } from "./messages";
import { Raw, Table, Trouble } from "./parts";
import { link } from "./route";
import type { MessageDetail } from "./types";

const PERIOD = 1500;
/** Characters of the data that are shown at first. */
const SHOWN = 4096;

export function MessageView({ namespace, channel, id }: { namespace: string; channel: string; id: string }) {
  const path = `${channelPath(namespace, channel)}/messages/${encodeURIComponent(id)}`;
  const { value: message, trouble } = useLook<MessageDetail>(path, PERIOD);
  return (
    <>
      <p>
        <a href={link("channels", namespace, channel)}>
          <Raw>{`${namespace}/${channel}`}</Raw>
        </a>
      </p>
      <h2>
        <Raw>{id}</Raw>
      </h2>
      <Trouble>{trouble}</Trouble>
      {message && <Details message={message} />}
    </>
  );
}

function Details({ message }: { message: MessageDetail }) {
  return (
    <>
      <p>
        <Stand state={message.state} /> event <Raw>{message.event}</Raw>
      </p>
      <section class="why">
        <h2>Why</h2>
        <p>
          <strong>{spaced(message.why.code)}</strong>: <Raw>{message.why.detail}</Raw>
        </p>
      </section>
      <section>
        <h2>Timeline</h2>
        <Table name="Timeline" head={["At", "Since due", "What", "Key", "Node", "Status"]}>
          {message.timeline.map(({ at, event, key, node, status }, number) => (
            <tr key={number}>
              <td>{moment(at)}</td>
              <td>{offset(at, message.deliver_at)}</td>
              <td>{spaced(event)}</td>
              <td>{key && <Raw>{key}</Raw>}</td>
              <td>{node && <Raw>{node}</Raw>}</td>
              <td>{status && <Raw>{status}</Raw>}</td>
            </tr>
          ))}
        </Table>
        <p>Worth delivering until {moment(message.expires_at)}.</p>
      </section>
      <Data data={message.data} />
    </>
  );
}

function offset(at: string, due: string): string {
  const ms = Date.parse(at) - Date.parse(due);
  const sign = ms < 0 ? "−" : "+";
  const size = Math.abs(ms);
  return size < 1000 ? `${sign}${size} ms` : `${sign}${(size / 1000).toFixed(1)} s`;
}

function Data({ data }: { data: unknown }) {
  const [whole, show] = useState(false);
  const text = JSON.stringify(data, null, 2) ?? "";
  const long = text.length > SHOWN;
  return (
    <section>
      <h2>Data</h2>
      <pre dir="auto" tabIndex={0}>
        {whole ? text : text.slice(0, SHOWN)}
        {long && !whole && "…"}
      </pre>
      {long && !whole && <button onClick={() => show(true)}>Show all {text.length.toLocaleString("en")} characters</button>}
    </section>
  );
}
