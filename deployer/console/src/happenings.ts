// What changed from one round to the next: for whoever looks up after it has happened.
import type { Round } from "./types";

export interface Happening {
  at: number;
  text: string;
  bad: boolean;
}

export function happened(before: Round | null, now: Round): Happening[] {
  if (!before) return [];
  const news: Happening[] = [];
  const tell = (text: string, bad: boolean) => news.push({ at: Date.now(), text, bad });
  compare(silence(before), silence(now), (node, was, is) => {
    if (is === "silent") tell(`${node} does not answer`, true);
    else if (was === "silent") tell(`${node} answers again`, false);
    else if (was === undefined) tell(`${node} answers`, false);
  });
  compare(locals(before), locals(now), (node, was, is) => {
    if (is === undefined) tell(`${node} has gone (it was ${was})`, true);
    else tell(`${node} is ${is}`, !is.includes("healthy") || is.includes("unhealthy"));
  });
  const redis = now.local?.redis?.state;
  if (redis && redis !== before.local?.redis?.state) tell(`Redis is ${redis}`, redis !== "running");
  return news.reverse();
}

type States = Map<string, string>;

const silence = (round: Round): States =>
  new Map(round.nodes.map(({ node, silent }) => [node, silent ? "silent" : "answering"]));

const locals = (round: Round): States =>
  new Map((round.local?.nodes ?? []).map(({ id, state, health }) => [id, health ? `${state}, ${health}` : state]));

function compare(
  before: States,
  now: States,
  tell: (name: string, was: string | undefined, is: string | undefined) => void,
): void {
  for (const name of new Set([...before.keys(), ...now.keys()])) {
    const [was, is] = [before.get(name), now.get(name)];
    if (was !== is) tell(name, was, is);
  }
}
