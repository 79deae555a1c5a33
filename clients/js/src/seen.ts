// Which messages were shown, so that a repeat is not: in memory, in localStorage or in IndexedDB.

/** Remembers messages until they have expired. `until` is in milliseconds since 1970. */
export interface Seen {
  has(name: string): boolean | Promise<boolean>;
  add(name: string, until: number): void | Promise<void>;
}

/** Messages that are remembered at most; the ones that expire first go first. */
const MOST = 2000;

/** Forgets what has expired, and what is too much. */
function prune(names: Map<string, number>, now: number): void {
  for (const [name, until] of names) if (until <= now) names.delete(name);
  if (names.size <= MOST) return;
  const oldest = [...names].sort((one, other) => one[1] - other[1]);
  for (const [name] of oldest.slice(0, names.size - MOST)) names.delete(name);
}

/** For as long as the page lives. */
export function memory(): Seen {
  const names = new Map<string, number>();
  return {
    has: (name) => names.has(name),
    add(name, until) {
      names.set(name, until);
      prune(names, Date.now());
    },
  };
}

/** Over reloads and scenes, for all tabs of an origin. Where the browser refuses, in memory. */
export function local(scope: string, storage: Storage): Seen {
  const item = `holdfast ${scope}`;
  const fallback = memory();
  const read = (name = item): Map<string, number> => {
    try {
      return new Map(JSON.parse(storage.getItem(name) ?? "[]") as [string, number][]);
    } catch {
      return new Map();
    }
  };
  // Keys of former days leave nothing behind.
  const now = Date.now();
  for (const name of Object.keys(storage)) {
    if (!name.startsWith("holdfast ")) continue;
    const untils = [...read(name).values()];
    if (untils.length > 0 && untils.every((until) => until <= now)) storage.removeItem(name);
  }
  return {
    has: (name) => fallback.has(name) || read().has(name),
    add(name, until) {
      void fallback.add(name, until);
      const names = read().set(name, until);
      prune(names, Date.now());
      try {
        storage.setItem(item, JSON.stringify([...names]));
      } catch {
        // Full or forbidden: this page remembers all the same.
      }
    },
  };
}

/** The same in IndexedDB, for pages whose localStorage is full. Where it is refused, in memory. */
export function indexedDb(scope: string, factory: IDBFactory = globalThis.indexedDB): Seen {
  const seen: Promise<Seen> = open(`holdfast ${scope}`, factory).then(stored, (error) => {
    console.warn("no IndexedDB: shown messages are remembered until the page closes", error);
    return memory();
  });
  return {
    has: async (name) => (await seen).has(name),
    add: async (name, until) => (await seen).add(name, until),
  };
}

function open(name: string, factory: IDBFactory): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("seen").createIndex("until", "");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function stored(database: IDBDatabase): Seen {
  const transaction = (mode: IDBTransactionMode) =>
    database.transaction("seen", mode).objectStore("seen");
  const result = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  return {
    has: async (name) => (await result(transaction("readonly").count(name))) > 0,
    async add(name, until) {
      const seen = transaction("readwrite");
      await result(seen.put(until, name));
      const expired = seen.index("until").openCursor(IDBKeyRange.upperBound(Date.now()));
      expired.onsuccess = () => {
        expired.result?.delete();
        expired.result?.continue();
      };
    },
  };
}

/** The best that there is: localStorage, or memory. */
export function best(scope: string): Seen {
  try {
    return local(scope, globalThis.localStorage);
  } catch {
    return memory(); // no such thing here, or forbidden
  }
}
