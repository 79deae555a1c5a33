// A stack on AWS as `deployer status` has it: troubles, deployments, tasks and their targets.
import { useLook } from "./hooks";
import { Pill, Raw, Table, Trouble } from "./parts";

const PERIOD = 5000;

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
