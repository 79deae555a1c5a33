// What the console's server and the nodes answer, as far as the page reads it.

export interface About {
  version: string;
  server: string;
  environment: string | null;
  namespaces: string[];
  local: boolean;
  rules: boolean;
  aws: string | null;
}

export interface Histogram {
  count: number;
  p50: number | null;
  p99: number | null;
  buckets: [bound: number | null, count: number][];
}

export interface Counted {
  name: string;
  total: number;
  rate: number;
}

export interface Figures {
  connections: number;
  sessions: number;
  banned: number;
  sockets: { transport: string; protocol: string; namespace: string; count: number }[];
  connects: number;
  refusals: Counted[];
  refused: number;
  disconnects: Counted[];
  messages: Counted[];
  redeliveries: number;
  lateness: Histogram;
  store: Histogram;
  store_errors: number;
}

export interface FeedNode {
  node: string;
  age: number;
  silent: boolean;
  figures: Figures;
}

export interface LocalNode {
  id: string;
  address: string;
  pid: number | null;
  state: string;
  health: string | null;
}

/** A Redis of a cluster. */
export interface Shard {
  id: string;
  address: string;
  pid: number | null;
  state: string;
}

export interface Local {
  trouble?: string;
  nodes?: LocalNode[];
  redis?: { url: string; state: string; shards?: Shard[] } | null;
  deployment?: unknown;
}

/** Who is refused and banned, while somebody is. */
export interface Refusing {
  refused: { reason: string; network: string | null; count: number }[];
  banned: { network: string; addresses: number; until: string }[];
  other_banned_networks: number;
  trouble: string | null;
}

export interface Round {
  nodes: FeedNode[];
  all: Figures;
  refusing: Refusing | null;
  trouble: string | null;
  local: Local | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface ChannelEntry {
  channel: string;
  keys: number;
}

export interface Key {
  id: string;
  namespaces: string[];
  created_at: string;
  expires_at: string | null;
  watch?: boolean;
  usage?: {
    sockets?: number;
    nodes?: { node: string; sockets?: number }[];
    last_used_at?: string | null;
    last?: Record<string, string> | null;
  };
}

export interface Message {
  id: string;
  event: string;
  data: unknown;
  created_at: string;
  deliver_at: string;
  expires_at: string;
  state: string;
  keys: { delivered: number; acknowledged: number };
}

export interface MessageDetail extends Message {
  why: { code: string; detail: string };
  timeline: { at: string; event: string; key?: string; node?: string; status?: string }[];
  receipts: { key: string; node: string; emitted_at: string | null; acknowledged_at: string | null; status: string }[];
}

export interface Row {
  part: string;
  key: string;
  title: string;
  seconds: number | null;
  value: string | null;
  place: string | null;
  why_not_seen: string | null;
}

export interface Rule {
  name: string;
  topic: string;
  is_of_time: boolean;
  summary: string;
  state: "violated" | "ignored" | "not_seen" | "holds" | "does_not_apply";
  reason: string | null;
  level?: "error" | "warning";
  message?: string;
  needs?: string;
  fix?: string;
  settings?: string[];
}

export interface Rules {
  pictures: { subject: string; rows: Row[] }[];
  rules: Rule[];
  errors: number;
  warnings: number;
}
