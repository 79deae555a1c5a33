// One channel: its keys and who is connected with them, what is to come, and what has been.
import { useState } from "preact/hooks";

import { channelPath } from "./api";
import { plural } from "./format";
import { useLook } from "./hooks";
import { Keys } from "./keys";
import { Messages } from "./messages";
import { Pill, Raw, Trouble } from "./parts";
import { link } from "./route";
import { Send } from "./send";
import type { About } from "./types";
import { Watch } from "./watch";

const PERIOD = 2000;

interface Glance {
  sockets: number;
  messages: Record<string, number>;
}

export function Channel({ namespace, channel, about }: { namespace: string; channel: string; about: About }) {
  const path = channelPath(namespace, channel);
  const { value: glance, trouble, again } = useLook<Glance>(path, PERIOD);
  const [sending, send] = useState(false);
  const [watching, watch] = useState(false);
  return (
    <>
      <p>
        <a href={link("channels")}>Channels</a>
      </p>
      <div class="titled">
        <h2>
          <Raw>{`${namespace}/${channel}`}</Raw>
        </h2>
        <button class="primary" onClick={() => send(true)}>
          Send …
        </button>
        <button aria-pressed={watching} onClick={() => watch(!watching)}>
          {watching ? "Stop watching" : "Watch live"}
        </button>
      </div>
      <Trouble>{trouble}</Trouble>
      {glance && (
        <p role="status">
          <Pill kind={glance.sockets > 0 ? "good" : "warn"}>
            {glance.sockets > 0 ? `${plural(glance.sockets, "socket")} connected` : "nobody connected"}
          </Pill>
        </p>
      )}
      {watching && <Watch namespace={namespace} channel={channel} />}
      <Messages namespace={namespace} channel={channel} />
      <Keys namespace={namespace} channel={channel} about={about} />
      {sending && <Send namespace={namespace} channel={channel} sent={again} close={() => send(false)} />}
    </>
  );
}
