// Sends a message now, or schedules one.
import { useState } from "preact/hooks";

import { call, channelPath } from "./api";
import { Dialog } from "./dialog";
import { Raw } from "./parts";

interface Props {
  namespace: string;
  channel: string;
  sent: () => void;
  close: () => void;
}

export function Send({ namespace, channel, sent, close }: Props) {
  const [event, setEvent] = useState("code");
  const [data, setData] = useState('{"code": "ABC-123"}');
  const [delay, setDelay] = useState("0");
  const [ttl, setTtl] = useState("");
  // One id for all attempts: a second one after an answer that got lost delivers nothing twice.
  const [id] = useState(() => `console-${crypto.randomUUID()}`);
  const run = async () => {
    const body: Record<string, unknown> = { id, event, data: json(data), deliver_in: ms(delay) };
    if (ttl) body.ttl = ms(ttl);
    await call("POST", `${channelPath(namespace, channel)}/messages`, body);
    sent();
  };
  return (
    <Dialog title="Send a message" verb={Number(delay) > 0 ? "Schedule" : "Send"} run={run} close={close}>
      <p>
        To <Raw>{`${namespace}/${channel}`}</Raw>
      </p>
      <label>
        Event
        <input required value={event} onInput={(change) => setEvent(change.currentTarget.value)} />
      </label>
      <label>
        Data, as JSON or text
        <textarea rows={5} value={data} onInput={(change) => setData(change.currentTarget.value)} />
      </label>
      <label>
        In seconds; 0 is now
        <input type="number" min="0" step="any" required value={delay} onInput={(change) => setDelay(change.currentTarget.value)} />
      </label>
      <label>
        Worth delivering for seconds; empty for the server's hour
        <input type="number" min="0" step="any" value={ttl} onInput={(change) => setTtl(change.currentTarget.value)} />
      </label>
    </Dialog>
  );
}

const ms = (seconds: string) => Math.round(Number(seconds) * 1000);

/** What JSON says, or else the text itself, as `deployer send` takes it. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
