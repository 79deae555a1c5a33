// What changed from one round to the next: for whoever looks up after it has happened.
import type { Round } from "./types";

export interface Happening {
  at: number;
  text: string;
  bad: boolean;
}

/** So many refusals a second are told. */
const FLOOD = 5;

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
  compare(bans(before), bans(now), (network, was, is) => {
    if (was === undefined) tell(`${network} is banned: too many wrong keys`, true);
    else if (is === undefined) tell(`${network} is banned no more`, false);
  });
  const floods = [before, now].map((round) => round.all.refusals.reduce((sum, { rate }) => sum + rate, 0) > FLOOD);
  if (floods[0] !== floods[1]) tell(floods[1] ? "Many clients are refused" : "Few clients are refused again", floods[1]!);
  const redis = now.local?.redis?.state;
  if (redis && redis !== before.local?.redis?.state) tell(`Redis is ${redis}`, redis !== "running");
  return news.reverse();
}

type States = Map<string, string>;

const silence = (round: Round): States =>
  new Map(round.nodes.map(({ node, silent }) => [node, silent ? "silent" : "answering"]));

const bans = (round: Round): States => new Map((round.refusing?.banned ?? []).map(({ network }) => [network, "banned"]));

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
