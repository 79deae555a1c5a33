// The nodes: what they carry, whom they refuse, how late they are; and what happened to them.
import { useState } from "preact/hooks";

import { call } from "./api";
import { Dialog } from "./dialog";
import { useFeed } from "./feed";
import { Bars, Refusals, Sockets, Tiles } from "./figures";
import { Refused } from "./refused";
import { number, plural, rate, span, within } from "./format";
import { useNow } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";
import type { About, FeedNode, Local, LocalNode, Round } from "./types";

/** Something to do to a node or to Redis, and how to ask before. */
interface Deed {
  action: { do: string; node?: string };
  title: string;
  verb: string;
  text: string;
}

export function Nodes({ about }: { about: About }) {
  const { round, happenings } = useFeed();
  const [deed, ask] = useState<Deed | null>(null);
  const now = useNow(1000);
  if (!round) return <p>The nodes are asked …</p>;
  return (
    <>
      <Tiles round={round} nodes={round.nodes.filter((node) => !node.silent).length} />
      <section>
        <h2>Nodes</h2>
        <Trouble>{round.local?.trouble ?? null}</Trouble>
        <NodeTable round={round} about={about} ask={ask} />
        {about.local && <Redis local={round.local} ask={ask} />}
      </section>
      <Refused round={round} />
      <div class="columns">
        <Bars title="Lateness, last minute" histogram={round.all.lateness} />
        <Bars title="Store latency, last minute" histogram={round.all.store} />
      </div>
      <div class="columns">
        <Sockets all={round.all} />
        <Refusals all={round.all} />
      </div>
      <section>
        <h2>What happened</h2>
        {happenings.length === 0 && <p>Nothing since this page was opened.</p>}
        <ol class="happenings">
          {happenings.map(({ at, text, bad }) => (
            <li key={`${at}${text}`}>
              <Pill kind={bad ? "bad" : "good"}>{bad ? "!" : "✓"}</Pill> <Raw>{text}</Raw> <small>{span(now - at)} ago</small>
            </li>
          ))}
        </ol>
      </section>
      {deed && (
        <Dialog
          title={deed.title}
          verb={deed.verb}
          destroys
          run={() => call("POST", "/local", deed.action)}
          close={() => ask(null)}
        >
          <p>{deed.text}</p>
        </Dialog>
      )}
    </>
  );
}

/** Each name once, as the balancer's answers and the local stack know it. */
function merged(round: Round): [string, FeedNode | undefined, LocalNode | undefined][] {
  const heard = new Map(round.nodes.map((node) => [node.node, node]));
  const local = new Map((round.local?.nodes ?? []).map((node) => [node.id, node]));
  const names = [...new Set([...heard.keys(), ...local.keys()])];
  names.sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  return names.map((name) => [name, heard.get(name), local.get(name)]);
}

function NodeTable({ round, about, ask }: { round: Round; about: About; ask: (deed: Deed) => void }) {
  const head = ["Node", "State", "Sockets", "Connects/s", "Refusals/s", "Messages/s", "Late p99", "Store p99"];
  if (about.local) head.push("Do");
  return (
    <Table name="Nodes" head={head}>
      {merged(round).map(([name, heard, local]) => (
        <tr key={name}>
          <th scope="row">
            <Raw>{name}</Raw>
          </th>
          <td>
            <State heard={heard} local={local} known={round.local?.nodes !== undefined} about={about} />
          </td>
          {heard ? <Cells node={heard} /> : <td colSpan={6}>no answer yet</td>}
          {about.local && <td>{local && <Buttons node={local} ask={ask} />}</td>}
        </tr>
      ))}
    </Table>
  );
}

interface StateProps {
  heard: FeedNode | undefined;
  local: LocalNode | undefined;
  /** Whether the local stack says which nodes it has. */
  known: boolean;
  about: About;
}

function State({ heard, local, known, about }: StateProps) {
  const silent = heard?.silent && <Pill kind="bad">no answer for {span(heard.age)}</Pill>;
  if (about.local && known && !local) return <><Pill kind="bad">gone</Pill> {silent}</>;
  if (!local) return silent || <Pill kind="good">answers</Pill>;
  const well = local.state === "running" && local.health === "healthy";
  return (
    <>
      <Pill kind={well ? "good" : "bad"}>
        {local.state}
        {local.health && `, ${local.health}`}
      </Pill>{" "}
      {silent}
    </>
  );
}

function Cells({ node: { silent, figures } }: { node: FeedNode }) {
  if (silent) return <td colSpan={6} />;
  const sockets = figures.sockets.reduce((sum, { count }) => sum + count, 0);
  const refusals = figures.refusals.reduce((sum, one) => sum + one.rate, 0);
  const delivered = figures.messages.find(({ name }) => name === "delivered");
  return (
    <>
      <td>{number(sockets)}</td>
      <td>{rate(figures.connects)}</td>
      <td>{rate(refusals)}</td>
      <td>{rate(delivered?.rate ?? 0)}</td>
      <td>{within("p99", figures.lateness)}</td>
      <td>
        {within("p99", figures.store)} {figures.store_errors > 0 && <Pill kind="bad">{rate(figures.store_errors)} errors/s</Pill>}
      </td>
    </>
  );
}

function Buttons({ node, ask }: { node: LocalNode; ask: (deed: Deed) => void }) {
  const name = node.id;
  const deed = (word: string, verb: string, text: string) => (
    <button
      aria-label={`${verb} ${name}`}
      onClick={() => ask({ action: { do: word, node: name }, title: `${verb} ${name}?`, verb, text })}
    >
      {verb}
    </button>
  );
  return (
    <span class="buttons">
      {deed("kill", "Kill", "SIGKILL: its connections break, and a replacement starts.")}
      {node.state === "stopped"
        ? deed("continue", "Continue", "SIGCONT: it goes on.")
        : deed("stop", "Stop", "SIGSTOP: its connections stay open, and nothing answers until it continues or is ejected.")}
      {deed("replace", "Drain", "It is drained and replaced, as in a deployment. That takes the deregistration delay.")}
    </span>
  );
}

function Redis({ local, ask }: { local: Local | null; ask: (deed: Deed) => void }) {
  const redis = local?.redis;
  if (!redis) return <p>The nodes keep their messages in a store of their own.</p>;
  const button = (state: string, name: string, shard?: string) => {
    const runs = state === "running";
    const [word, verb] = runs ? ["kill_redis", `Kill ${name}`] : ["restart_redis", `Restart ${name}`];
    const of = shard ? "to its channels " : "";
    const text = runs
      ? `SIGKILL: publishing ${of}is refused until it is restarted; sessions live on.`
      : "It starts with the data that it has kept.";
    const action = shard ? { do: word, shard } : { do: word };
    return <button onClick={() => ask({ action, title: `${verb}?`, verb, text })}>{verb}</button>;
  };
  const pill = (state: string) => (
    <Pill kind={state === "running" || state === "elsewhere" ? "good" : "bad"}>{state}</Pill>
  );
  return (
    <>
      <p class="buttons">
        Redis {pill(redis.state)}
        {redis.state !== "elsewhere" && button(redis.state, "Redis")}
        {local?.deployment ? <Pill kind="warn">{plural(1, "deployment")} under way</Pill> : null}
      </p>
      {redis.shards?.map((shard) => (
        <p class="buttons" key={shard.id}>
          {shard.id} {pill(shard.state)} {button(shard.state, shard.id, shard.id)}
        </p>
      ))}
    </>
  );
}
