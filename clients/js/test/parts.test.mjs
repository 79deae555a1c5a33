import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const { Queue } = await source("queue");
const { Clock } = await source("clock");
const { indexedDb, local, memory } = await source("seen");
const { byChannel, byLock } = await source("turn");
const { nameOf } = await source("name");
const { watchReturn } = await source("presence");

const entry = (id) => ({ event: "code", data: id, message: { id }, failures: 0 });

/** A queue whose handlers end when the test says so. */
function queue(options = {}) {
  const shows = new Map();
  const begun = [];
  const outcomes = [];
  let changed = () => {};
  const made = new Queue({
    concurrency: 1,
    attempts: 2,
    retryDelay: 1,
    left: () => 1000,
    show: ({ message }) => {
      begun.push(message.id);
      changed();
      return new Promise((resolve, reject) => shows.set(message.id, { resolve, reject }));
    },
    settled: ({ message }, outcome) => {
      outcomes.push(`${message.id} ${outcome}`);
      changed();
    },
    ...options,
  });
  /** Waits until something holds; the test runner's own bound ends it. */
  const until = (holds) =>
    new Promise((resolve) => {
      changed = () => holds() && resolve();
      changed();
    });
  return { queue: made, shows, begun, outcomes, until };
}

test("one after the other, in order, and shown when the promise resolves", async () => {
  const { queue: q, shows, begun, outcomes, until } = queue();
  for (const id of ["a", "b", "c"]) q.add(entry(id));
  assert.deepEqual(begun, ["a"]);
  assert.equal(q.waiting, 2);
  for (const id of ["a", "b", "c"]) {
    await until(() => begun.includes(id));
    shows.get(id).resolve();
    await until(() => outcomes.includes(`${id} shown`));
  }
  assert.deepEqual(begun, ["a", "b", "c"]);
});

test("as many at once as it says", () => {
  const { queue: q, begun } = queue({ concurrency: 2 });
  for (const id of ["a", "b", "c"]) q.add(entry(id));
  assert.deepEqual(begun, ["a", "b"]);
});

test("what is held waits, and what expires meanwhile is not shown", () => {
  let left = 1000;
  const { queue: q, begun, outcomes } = queue({ left: () => left });
  q.hold("hidden");
  q.hold("paused");
  q.add(entry("a"));
  q.release("hidden");
  assert.deepEqual(begun, []);
  left = 0;
  q.release("paused");
  assert.deepEqual([begun, outcomes], [[], ["a expired"]]);
  left = 1000;
  q.hold("hidden");
  q.add(entry("b"));
  left = 0;
  q.sweep();
  assert.deepEqual(outcomes, ["a expired", "b expired"]);
});

test("a skip ends what is on show, whether its handler listens or not", async () => {
  const { queue: q, begun, outcomes, until } = queue();
  q.add(entry("a"));
  q.add(entry("b"));
  q.skip();
  await until(() => begun.includes("b"));
  assert.deepEqual(outcomes, ["a skipped"]);
});

test("a skip with nothing on show drops what comes next", () => {
  const { queue: q, outcomes } = queue();
  q.hold("paused");
  q.add(entry("a"));
  q.skip();
  assert.deepEqual(outcomes, ["a skipped"]);
});

test("a handler that fails is tried again, before the next message, and then has failed", async (t) => {
  t.mock.method(console, "error", () => {});
  let tries = 0;
  const show = async ({ message }) => {
    if (message.id !== "a") return;
    tries += 1;
    throw new Error("no");
  };
  const { queue: q, outcomes, until } = queue({ show });
  q.add(entry("a"));
  await until(() => outcomes.length === 1);
  assert.deepEqual([tries, outcomes], [2, ["a failed"]]);
  q.add(entry("b"));
  await until(() => outcomes.length === 2);
  assert.equal(outcomes[1], "b shown");
});

test("what no handler is for is skipped", async () => {
  const { queue: q, outcomes, until } = queue({ show: () => null });
  q.add(entry("a"));
  await until(() => outcomes.length === 1);
  assert.deepEqual(outcomes, ["a skipped"]);
});

test("a closed queue says nothing more", async () => {
  const { queue: q, shows, outcomes } = queue();
  q.add(entry("a"));
  q.add(entry("b"));
  q.close();
  shows.get("a").resolve();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(outcomes, []);
});

test("the service's time does not depend on this machine's clock", () => {
  const server = Date.parse("2026-05-01T12:00:00Z");
  let wrong = server + 3_600_000 + 40; // an hour ahead, and 40 ms on the way
  const clock = new Clock(() => wrong, () => wrong);
  clock.hear("2026-05-01T12:00:00Z");
  wrong += 1000;
  clock.hear("2026-05-01T12:00:00.700Z"); // 300 ms later than the first: a slow one
  assert.equal(clock.now(), server + 1000);
  assert.equal(clock.left({ expires_at: "2026-05-01T12:00:05Z" }), 4000);
  assert.equal(clock.left({ expires_at: "2026-05-01T11:00:00Z" }), 0);
  clock.hear("nonsense");
  assert.equal(clock.now(), server + 1000);
});

test("a clock that is set is followed with the next message", () => {
  for (const step of [3_600_000, -3_600_000]) {
    let wrong = 0;
    const clock = new Clock(() => wrong, () => 0);
    clock.hear(new Date(0).toISOString());
    wrong = step;
    clock.hear(new Date(0).toISOString());
    assert.equal(clock.now(), 0);
    assert.equal(clock.left({ expires_at: new Date(5000).toISOString() }), 5000);
  }
});

test("a clock that drifts is followed after a few messages", () => {
  let wrong = 0;
  const clock = new Clock(() => wrong, () => 0);
  clock.hear(new Date(0).toISOString());
  wrong = 900;
  for (let n = 0; n < 8; n += 1) clock.hear(new Date(0).toISOString());
  assert.equal(clock.now(), 0);
});

test("localStorage remembers for the next page, and forgets what has expired", () => {
  const items = new Map();
  const storage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
  local("scope", storage).add("a", Date.now() + 60_000);
  local("scope", storage).add("b", Date.now() - 1);
  const next = local("scope", storage);
  assert.deepEqual([next.has("a"), next.has("b")], [true, false]);
  assert.equal(local("other", storage).has("a"), false);
});

test("localStorage keeps nothing of keys whose messages have all expired", () => {
  const item = (until) => JSON.stringify([["a", until]]);
  const past = Date.now() - 1;
  const storage = Object.create({
    getItem: (key) => storage[key] ?? null,
    removeItem: (key) => delete storage[key],
  });
  Object.assign(storage, {
    "holdfast old": item(past),
    "holdfast live": item(Date.now() + 60_000),
    "holdfast odd": "broken",
    other: item(past),
  });
  local("scope", storage);
  assert.deepEqual(Object.keys(storage), ["holdfast live", "holdfast odd", "other"]);
});

test("a full localStorage does not lose what this page has shown", () => {
  const storage = {
    getItem: () => "broken",
    setItem: () => {
      throw new Error("full");
    },
  };
  const seen = local("scope", storage);
  seen.add("a", Date.now() + 60_000);
  assert.equal(seen.has("a"), true);
});

test("a refused IndexedDB does not lose what this page has shown", async (t) => {
  t.mock.method(console, "warn", () => {});
  const later = { open: () => {
    const request = { error: new Error("no") };
    setImmediate(() => request.onerror());
    return request;
  } };
  const atOnce = { open: () => { throw new Error("no"); } };
  for (const factory of [later, atOnce]) {
    const seen = indexedDb("scope", factory);
    await new Promise((resolve) => setTimeout(resolve, 5)); // an unhandled rejection ends the test
    assert.equal(await seen.has("a"), false);
    await seen.add("a", Date.now() + 60_000);
    assert.equal(await seen.has("a"), true);
  }
});

test("a key has a name that does not tell it, and a renewed token keeps its name", () => {
  const token = (claims) =>
    `eyJhbGciOiJFZERTQSJ9.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;
  assert.equal(nameOf("hfk_01M8BG8HYDMAQP77WSWR7RXHMV_secret"), "01M8BG8HYDMAQP77WSWR7RXHMV");
  assert.equal(nameOf(token({ sub: "plugin-7731", exp: 1, x: "???>>>" })), "plugin-7731");
  assert.equal(nameOf(token({ sub: "plugin-7731", exp: 2 })), "plugin-7731");
  for (const other of [token({}), "eyJ.broken.", "abc"]) assert.match(nameOf(other), /^[0-9a-z]+$/);
});

test("memory has a bound, and keeps what lives longest", () => {
  const seen = memory();
  const until = Date.now() + 60_000;
  for (let n = 0; n < 2500; n += 1) seen.add(`${n}`, until + n);
  assert.deepEqual([seen.has("0"), seen.has("2499")], [false, true]);
});

/** Pages that take part in an election; each says who has the turn now. */
function election(take) {
  let changed = () => {};
  const pages = [];
  const turns = [];
  const join = ({ seen = true, idle = false } = {}) => {
    const page = { seen, idle, active: false };
    const turn = take({
      begin: () => {
        page.active = true;
        turns.push(pages.indexOf(page));
        changed();
      },
      end: () => (page.active = false),
      seen: () => page.seen,
      idle: () => page.idle,
    });
    page.set = (more) => {
      Object.assign(page, more);
      turn.look();
    };
    page.leave = () => {
      page.active = false;
      turn.leave();
    };
    pages.push(page);
    return page;
  };
  const until = (holds) => new Promise((resolve) => {
    changed = () => holds() && resolve();
    changed();
  });
  const only = (page) =>
    until(() => page.active && pages.filter(({ active }) => active).length === 1);
  return { join, pages, turns, until, only };
}

/** The browser's locks, as much of them as an election takes. */
function lockManager() {
  let last = Promise.resolve();
  return {
    request(_, { signal }, held) {
      const mine = last.then(() => (signal.aborted ? undefined : held()));
      last = mine;
      return mine;
    },
  };
}

const pace = { ask: 20, unanswered: 3 };
const locks = lockManager();
for (const [name, take] of [
  ["without locks", (side) => byChannel("test", side, pace)],
  ["with locks", (side) => byLock("test", side, locks)],
]) {
  test(`${name}, one of several pages has the turn, and hands it on`, async () => {
    const { join, pages, turns, until } = election(take);
    for (let n = 0; n < 3; n += 1) join();
    for (let n = 0; n < 3; n += 1) {
      await until(() => turns.length > n);
      assert.equal(pages.filter(({ active }) => active).length, 1);
      pages[turns[n]].leave();
    }
    assert.deepEqual([...turns].sort(), [0, 1, 2]);
  });

  test(`${name}, a hidden page that shows nothing gives way to one that is seen`, async () => {
    const { join, only, turns } = election(take);
    const hidden = { seen: false, idle: true };
    const seen = { seen: true, idle: false };
    const a = join(hidden);
    await only(a);
    const b = join(hidden);
    const c = join(hidden);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(turns, [0]); // nobody is seen: it stays where it is
    c.set(seen);
    await only(c);
    // Another one is seen first, and the turn comes when this one is hidden and has shown its last.
    a.set(seen);
    c.set({ seen: false });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(c.active, true);
    c.set(hidden);
    await only(a);
    for (const page of [a, b, c]) page.leave();
  });

  test(`${name}, who has left says nothing more`, async () => {
    const { join, only } = election(take);
    const page = join({ seen: true });
    await only(page);
    page.leave();
    page.set({ seen: false, idle: true });
    page.set({ seen: true, idle: false });
    page.leave();
  });
}

test("a machine that wakes up is noticed, and a page that is slowed down is not taken for one", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  let woken = 0;
  const end = watchReturn(() => (woken += 1));
  for (let n = 0; n < 60; n += 1) t.mock.timers.tick(5000);
  // A look a minute: what browsers leave a hidden page.
  for (let n = 0; n < 5; n += 1) {
    t.mock.timers.setTime(Date.now() + 55_000);
    t.mock.timers.tick(5000);
  }
  assert.equal(woken, 0);
  t.mock.timers.setTime(Date.now() + 3_600_000);
  t.mock.timers.tick(5000);
  assert.equal(woken, 1);
  end();
});
