// A channel's keys: who is connected with each, where, and since when not. Issue one, revoke one.
import { useState } from "preact/hooks";

import { call } from "./api";
import { useNamespaces } from "./channels";
import { Dialog } from "./dialog";
import { ago, moment, plural } from "./format";
import { useLook, useNow } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";
import type { About, Key, Page } from "./types";

const PERIOD = 3000;

export function Keys({ namespace, channel, about }: { namespace: string; channel: string; about: About }) {
  const query = new URLSearchParams({ channel, limit: "100" });
  const { value, trouble, again } = useLook<Page<Key>>(`/v1/keys?${query}`, PERIOD);
  const [revoked, revoke] = useState<Key | null>(null);
  const [issuing, issue] = useState(false);
  return (
    <section>
      <div class="titled">
        <h2>Keys</h2>
        <button onClick={() => issue(true)}>Issue a key …</button>
      </div>
      <Trouble>{trouble}</Trouble>
      {value && value.items.length === 0 && <p>No key: nobody can connect to this channel.</p>}
      {value && value.items.length > 0 && <KeyTable keys={value.items} revoke={revoke} />}
      {value?.next && <p>The first 100 are shown.</p>}
      {revoked && (
        <Dialog
          title="Revoke this key?"
          verb="Revoke the key"
          destroys
          run={async () => {
            await call("DELETE", `/v1/keys/${encodeURIComponent(revoked.id)}`);
            again();
          }}
          close={() => revoke(null)}
        >
          <p>
            Every plugin with <Raw>{revoked.id}</Raw> is disconnected within two seconds, and does not come back. This
            cannot be undone.
          </p>
        </Dialog>
      )}
      {issuing && <Issue {...{ namespace, channel, about }} done={again} close={() => issue(false)} />}
    </section>
  );
}

function KeyTable({ keys, revoke }: { keys: Key[]; revoke: (key: Key) => void }) {
  const now = useNow(1000);
  return (
    <Table name="Keys" head={["Key", "Connected", "Last", "Namespaces", "Ends", ""]}>
      {keys.map((key) => (
        <tr key={key.id}>
          <th scope="row">
            <Raw>{key.id}</Raw> {key.watch && <Pill kind="plain">only watches</Pill>}
          </th>
          <td>
            <Connected usage={key.usage} now={now} />
          </td>
          <td>
            <Raw>{client(key)}</Raw>
          </td>
          <td>
            <Raw>{key.namespaces.join(", ")}</Raw>
          </td>
          <td>{key.expires_at ? moment(key.expires_at) : "never"}</td>
          <td>
            <button aria-label={`Revoke ${key.id}`} onClick={() => revoke(key)}>
              Revoke …
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** What the last client spoke, and from which network. */
function client({ usage }: Key): string {
  if (!usage?.last) return "–";
  const { transport, protocol, network } = usage.last;
  return `${transport}, protocol ${protocol}, from ${network}`;
}

function Connected({ usage, now }: { usage: Key["usage"]; now: number }) {
  const nodes = usage?.nodes ?? [];
  if (nodes.length > 0) return <Pill kind="good">on {nodes.map(({ node }) => node).join(", ")}</Pill>;
  return <>{usage?.last_used_at ? `last used ${ago(usage.last_used_at, now)}` : "never"}</>;
}

interface IssueProps {
  namespace: string;
  channel: string;
  about: About;
  done: () => void;
  close: () => void;
}

/** The key itself is shown once and kept nowhere. */
function Issue({ namespace, channel, about, done, close }: IssueProps) {
  const known = useNamespaces(about);
  const all = known.includes(namespace) ? known : [namespace, ...known];
  const [chosen, choose] = useState<string[]>([namespace]);
  const [days, setDays] = useState("");
  const [issued, setIssued] = useState<string | null>(null);
  if (issued !== null) {
    return (
      <Dialog key="issued" title="The key" verb="I have copied it" run={async () => {}} close={close}>
        <p>It is shown this once. The server keeps a hash of it.</p>
        <p>
          <output class="secret">{issued}</output>
        </p>
        <p>
          <button type="button" onClick={() => void navigator.clipboard.writeText(issued)}>
            Copy
          </button>
        </p>
      </Dialog>
    );
  }
  const run = async () => {
    const body: Record<string, unknown> = { channel, namespaces: chosen };
    if (days) body.ttl = Math.round(Number(days) * 86_400_000);
    setIssued((await call<{ key: string }>("POST", "/v1/keys", body)).key);
    done();
    return "stay";
  };
  const toggle = (name: string) =>
    choose((old) => (old.includes(name) ? old.filter((one) => one !== name) : [...old, name]));
  return (
    <Dialog key="issue" title="Issue a key" verb="Issue" run={run} close={close}>
      <p>
        For plugins of <Raw>{channel}</Raw>, in {plural(chosen.length, "namespace")}.
      </p>
      <fieldset>
        <legend>Namespaces</legend>
        {all.map((name) => (
          <label key={name}>
            <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} /> {name}
          </label>
        ))}
      </fieldset>
      <label>
        Ends after days; empty for never
        <input type="number" min="0.001" step="any" value={days} onInput={(event) => setDays(event.currentTarget.value)} />
      </label>
    </Dialog>
  );
}
