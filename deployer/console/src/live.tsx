// A stack on AWS as `deployer status` has it: troubles, alarms, deployments, tasks and their targets;
// and where it differs from its template, as `deployer check --live` finds it.
import { ago, moment } from "./format";
import { useLook, useNow } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";

const PERIOD = 5000;
/** What differs changes seldom, and many calls find it. */
const COMPARED = 30_000;

interface Target {
  address: string;
  state: string;
  reason?: string;
}

interface Live {
  ok: boolean;
  troubles: string[];
  unseen: string[];
  stack: { status: string; reason: string | null };
  alarms?: { name: string; reason: string; since: string | null }[];
  deployments?: { began: string; ended: string | null; status: string }[];
  services: {
    name: string;
    desired: number;
    running: number;
    pending: number;
    deployments: Record<string, unknown>[];
    nodes: { node: string | null; task: string; status: string; zone: string | null; target: Target | null }[];
    other_targets: Target[];
    stopped: string[];
  }[];
}

export function LiveStack({ name }: { name: string }) {
  const { value: live, trouble } = useLook<Live>("/live", PERIOD);
  return (
    <section>
      <h2>
        <Raw>{name}</Raw> on AWS
      </h2>
      <Trouble>{trouble}</Trouble>
      {live && (
        <>
          <p>
            <Pill kind={live.ok ? "good" : "bad"}>{live.stack.status}</Pill> {live.stack.reason && <Raw>{live.stack.reason}</Raw>}
          </p>
          {live.troubles.map((text) => (
            <Trouble key={text}>{text}</Trouble>
          ))}
          <Alarms alarms={live.alarms ?? []} />
          <Drift />
          <Deployments deployments={live.deployments ?? []} />
          {live.services.map((service) => (
            <Service key={service.name} service={service} />
          ))}
          {live.unseen.map((text) => (
            <p key={text}>Not seen: {text}</p>
          ))}
        </>
      )}
    </section>
  );
}

/** The alarms that ring: those of the stack, and those of others that are named after it. */
function Alarms({ alarms }: { alarms: NonNullable<Live["alarms"]> }) {
  const now = useNow(1000);
  if (alarms.length === 0) return <p>No alarm rings.</p>;
  return (
    <Table name="Alarms" head={["Alarm", "State", "Since", "Why"]}>
      {alarms.map(({ name, reason, since }) => (
        <tr key={name}>
          <th scope="row">
            <Raw>{name}</Raw>
          </th>
          <td>
            <Pill kind="bad">rings</Pill>
          </td>
          <td>{since ? `${moment(since)}, ${ago(since, now)}` : "–"}</td>
          <td>
            <Raw>{reason}</Raw>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Deployments({ deployments }: { deployments: NonNullable<Live["deployments"]> }) {
  if (deployments.length === 0) return null;
  return (
    <Table name="Last deployments" head={["Began", "Ended", "Status"]}>
      {deployments.map(({ began, ended, status }) => (
        <tr key={began}>
          <td>{moment(began)}</td>
          <td>{ended ? moment(ended) : "under way"}</td>
          <td>
            <Raw>{status}</Raw>
          </td>
        </tr>
      ))}
    </Table>
  );
}

interface Compared {
  drifts: { message: string; template: string; live: string }[];
  findings: { rule: string; level: string; message: string }[];
}

function Drift() {
  const { value, trouble } = useLook<Compared>("/drift", COMPARED);
  return (
    <section aria-label="Drift">
      <h3>Drift</h3>
      <Trouble>{trouble && `What is live is not compared: ${trouble}`}</Trouble>
      {!value && !trouble && <p>What is live is compared with the template …</p>}
      {value && value.drifts.length === 0 && (
        <p>
          <Pill kind="good">✓</Pill> What is live is as the template has it.
        </p>
      )}
      {value?.drifts.map(({ message, template, live }) => (
        <p key={message + live}>
          <Pill kind="bad">drift</Pill> <Raw>{message}</Raw>
          <small>
            {" "}
            <Raw>{live}</Raw>; <Raw>{template}</Raw>
          </small>
        </p>
      ))}
      {value?.findings.map(({ rule, level, message }) => (
        <p key={rule + message}>
          <Pill kind={level === "error" ? "bad" : "warn"}>{level}</Pill> {rule}: <Raw>{message}</Raw>
        </p>
      ))}
    </section>
  );
}

function Service({ service }: { service: Live["services"][number] }) {
  const target = (of: Target | null) =>
    of ? <Pill kind={of.state === "healthy" ? "good" : "warn"}>{of.state}</Pill> : "no target";
  return (
    <>
      <h3>
        <Raw>{service.name}</Raw>
      </h3>
      <p>
        {service.running} of {service.desired} tasks run, {service.pending} start.
      </p>
      <Table name="Deployments" head={["Deployment", "State"]}>
        {service.deployments.map((deployment, at) => (
          <tr key={at}>
            <td>{said(deployment, "status")}</td>
            <td>
              {said(deployment, "rollout")} {said(deployment, "reason")}
            </td>
          </tr>
        ))}
      </Table>
      <Table name="Tasks" head={["Node", "Task", "Status", "Zone", "Target"]}>
        {service.nodes.map((node) => (
          <tr key={node.task}>
            <th scope="row">{node.node ?? "–"}</th>
            <td>{node.task}</td>
            <td>{node.status}</td>
            <td>{node.zone ?? "–"}</td>
            <td>
              {target(node.target)} {node.target?.reason}
            </td>
          </tr>
        ))}
      </Table>
      {service.other_targets.map((one) => (
        <p key={one.address}>
          {one.address} {target(one)} {one.reason}
        </p>
      ))}
      {service.stopped.map((why) => (
        <Trouble key={why}>{`A task stopped: ${why}`}</Trouble>
      ))}
    </>
  );
}

const said = (document: Record<string, unknown>, name: string) =>
  document[name] === null || document[name] === undefined ? "" : String(document[name]);
