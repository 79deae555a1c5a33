// The frame around the views.
import { Channels } from "./channels";
import { Channel } from "./channel";
import { useFeed } from "./feed";
import { useLook } from "./hooks";
import { MessageView } from "./message";
import { Nodes } from "./nodes";
import { Pill, Raw, Trouble } from "./parts";
import { link, useRoute } from "./route";
import { Stack } from "./stack";
import type { About } from "./types";

const VIEWS = [
  ["nodes", "Nodes"],
  ["channels", "Channels"],
  ["stack", "Stack"],
] as const;

export function App() {
  const [view = "nodes", ...rest] = useRoute();
  const { value: about, trouble } = useLook<About>("/about", 60_000);
  return (
    <>
      <header>
        <h1>Holdfast</h1>
        {about && <Server about={about} />}
        <nav aria-label="Views">
          {VIEWS.map(([name, title]) => (
            <a key={name} href={link(name)} aria-current={name === (view || "nodes") ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <Listening />
      </header>
      <main>
        <Trouble>{trouble}</Trouble>
        {about && <View view={view} rest={rest} about={about} />}
      </main>
    </>
  );
}

function Server({ about }: { about: About }) {
  return (
    <p class="server">
      <Raw>{about.server}</Raw> {about.environment && <Pill kind="plain">{about.environment}</Pill>}
    </p>
  );
}

function Listening() {
  const { round, trouble } = useFeed();
  const text = trouble ?? round?.trouble ?? null;
  if (text) return <p class="listening trouble" role="status">{text}</p>;
  return <p class="listening">{round ? "live" : "waiting for the first figures …"}</p>;
}

function View({ view, rest, about }: { view: string; rest: string[]; about: About }) {
  const [namespace, channel, id] = rest;
  if (view === "stack") return <Stack about={about} />;
  if (view === "channels" && namespace && channel && id) {
    return <MessageView namespace={namespace} channel={channel} id={id} />;
  }
  if (view === "channels" && namespace && channel) {
    return <Channel key={`${namespace}/${channel}`} namespace={namespace} channel={channel} about={about} />;
  }
  if (view === "channels") return <Channels about={about} />;
  return <Nodes about={about} />;
}
