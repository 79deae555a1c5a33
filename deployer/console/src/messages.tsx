// A channel's messages: those to come count down, those that were say what became of them.
import { useState } from "preact/hooks";

import { call, channelPath } from "./api";
import { Dialog } from "./dialog";
import { moment, span } from "./format";
import { useLook, useNow } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";
import { link } from "./route";
import type { Message, Page } from "./types";

const PERIOD = 1500;

interface Of {
  namespace: string;
  channel: string;
}

export function Messages({ namespace, channel }: Of) {
  const path = `${channelPath(namespace, channel)}/messages`;
  const { value, trouble, again } = useLook<Page<Message>>(`${path}?limit=100`, PERIOD);
  const [cancelled, cancel] = useState<Message | null>(null);
  const items = value?.items ?? [];
  const coming = items.filter(({ state }) => state === "scheduled").reverse();
  const past = items.filter(({ state }) => state !== "scheduled");
  const of = { namespace, channel };
  return (
    <>
      <Trouble>{trouble}</Trouble>
      <section>
        <h2>To come</h2>
        {value && coming.length === 0 && <p>No message is scheduled.</p>}
        {coming.length > 0 && <Coming of={of} messages={coming} cancel={cancel} />}
      </section>
      <section>
        <h2>Messages</h2>
        {value && past.length === 0 && <p>No message of the last day.</p>}
        {past.length > 0 && <Past of={of} messages={past} />}
        {value?.next && <p>The latest 100 are shown.</p>}
      </section>
      {cancelled && (
        <Dialog
          title="Cancel this message?"
          verb="Cancel the message"
          destroys
          run={async () => {
            await call("DELETE", `${path}/${encodeURIComponent(cancelled.id)}`);
            again();
          }}
          close={() => cancel(null)}
        >
          <p>
            <Raw>{cancelled.id}</Raw> will be delivered to nobody, and its id stays taken for a day.
          </p>
        </Dialog>
      )}
    </>
  );
}

const Link = ({ of, id }: { of: Of; id: string }) => (
  <a href={link("channels", of.namespace, of.channel, id)}>
    <Raw>{id}</Raw>
  </a>
);

interface ComingProps {
  of: Of;
  messages: Message[];
  cancel: (message: Message) => void;
}

function Coming({ of, messages, cancel }: ComingProps) {
  const now = useNow(100);
  return (
    <Table name="Messages to come" head={["In", "Message", "Event", "Due", ""]}>
      {messages.map((message) => (
        <tr key={message.id}>
          <td class="count">{span(Date.parse(message.deliver_at) - now)}</td>
          <td>
            <Link of={of} id={message.id} />
          </td>
          <td>
            <Raw>{message.event}</Raw>
          </td>
          <td>{moment(message.deliver_at)}</td>
          <td>
            <button onClick={() => cancel(message)}>Cancel …</button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const KIND: Record<string, "good" | "bad" | "warn" | "plain"> = {
  acknowledged: "good",
  delivered: "warn",
  pending: "warn",
  expired: "bad",
};

export const Stand = ({ state }: { state: string }) => <Pill kind={KIND[state] ?? "plain"}>{state}</Pill>;

function Past({ of, messages }: { of: Of; messages: Message[] }) {
  return (
    <Table name="Messages" head={["State", "Message", "Event", "Due", "Keys"]}>
      {messages.map(({ id, event, state, deliver_at, keys }) => (
        <tr key={id}>
          <td>
            <Stand state={state} />
          </td>
          <td>
            <Link of={of} id={id} />
          </td>
          <td>
            <Raw>{event}</Raw>
          </td>
          <td>{moment(deliver_at)}</td>
          <td>
            {keys.delivered} delivered, {keys.acknowledged} acknowledged
          </td>
        </tr>
      ))}
    </Table>
  );
}
