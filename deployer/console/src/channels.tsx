// The channels that have keys, by name. The server searches; the page asks for more as one scrolls.
import { useEffect, useRef, useState } from "preact/hooks";

import { call, words } from "./api";
import { useFeed } from "./feed";
import { number, plural } from "./format";
import { Raw, Trouble } from "./parts";
import { link } from "./route";
import type { About, ChannelEntry, Page } from "./types";
import { VirtualList } from "./virtual";

const PATIENCE = 200;
const RETRY = 3000;

export function Channels({ about }: { about: About }) {
  const namespaces = useNamespaces(about);
  const [chosen, choose] = useState<string | null>(null);
  const [search, setSearch] = useState("");
  const namespace = chosen ?? namespaces[0] ?? "dropcodes";
  const { items, done, trouble, more } = useChannels(search);
  return (
    <section>
      <h2>Channels</h2>
      <p class="form">
        <label>
          Name begins with{" "}
          <input type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </label>
        <label>
          Namespace{" "}
          <select value={namespace} onChange={(event) => choose(event.currentTarget.value)}>
            {namespaces.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </p>
      <Trouble>{trouble}</Trouble>
      <p role="status">
        {number(items.length)}
        {done ? "" : "+"} {items.length === 1 && done ? "channel" : "channels"}. A channel is listed while it has a key.
      </p>
      <VirtualList
        label="Channels"
        items={items}
        name={({ channel }) => channel}
        href={({ channel }) => link("channels", namespace, channel)}
        show={({ channel, keys }) => (
          <>
            <Raw>{channel}</Raw> <small>{plural(keys, "key")}</small>
          </>
        )}
        more={more}
      />
      <Other namespace={namespace} />
    </section>
  );
}

/** Those that are known, and those that sockets are in. */
export function useNamespaces(about: About): string[] {
  const { round } = useFeed();
  const seen = (round?.all.sockets ?? []).map(({ namespace }) => namespace);
  const names = [...new Set([...about.namespaces, ...seen])];
  return names.length > 0 ? names : ["dropcodes"];
}

/** Signed tokens open channels that are in no list. */
function Other({ namespace }: { namespace: string }) {
  const [name, setName] = useState("");
  const go = (event: Event) => {
    event.preventDefault();
    if (name) location.hash = link("channels", namespace, name);
  };
  return (
    <form class="form" onSubmit={go}>
      <label>
        Channel that is not listed{" "}
        <input value={name} maxLength={128} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <button>Open</button>
    </form>
  );
}

interface Loaded {
  items: ChannelEntry[];
  done: boolean;
  trouble: string | null;
  more: () => void;
}

function useChannels(search: string): Loaded {
  const [state, set] = useState<{ items: ChannelEntry[]; next: string | null; trouble: string | null }>({
    items: [],
    next: null,
    trouble: null,
  });
  const busy = useRef(false);
  const current = useRef(search);
  const again = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const load = async (cursor: string | null) => {
    if (busy.current && cursor !== null) return;
    busy.current = true;
    const query = new URLSearchParams({ limit: "100" });
    if (search) query.set("prefix", search);
    if (cursor) query.set("cursor", cursor);
    try {
      const page = await call<Page<ChannelEntry>>("GET", `/v1/channels?${query}`);
      if (current.current !== search) return;
      set(({ items }) => ({
        items: cursor ? [...items, ...page.items] : page.items,
        next: page.next,
        trouble: null,
      }));
    } catch (error) {
      if (current.current !== search) return;
      set((old) => ({ ...old, trouble: words(error) }));
      again.current = setTimeout(() => void load(cursor), RETRY);
    } finally {
      busy.current = false;
    }
  };
  useEffect(() => {
    current.current = search;
    // A cursor is of its search.
    set((old) => ({ ...old, next: null }));
    again.current = setTimeout(() => void load(null), search ? PATIENCE : 0);
    return () => clearTimeout(again.current);
  }, [search]);
  const more = () => {
    if (state.next !== null) void load(state.next);
  };
  return { items: state.items, done: state.next === null, trouble: state.trouble, more };
}
