// The stack: its timeouts in one picture, its rules with their state, and how it stands on AWS.
import { Axis } from "./axis";
import { useLook } from "./hooks";
import { LiveStack } from "./live";
import { Pill, Raw, Trouble } from "./parts";
import type { About, Rule, Rules } from "./types";

const PERIOD = 5000;

export function Stack({ about }: { about: About }) {
  const { value: rules, trouble } = useLook<Rules>(about.rules ? "/rules" : null, PERIOD);
  return (
    <>
      {about.aws && <LiveStack name={about.aws} />}
      {!about.rules && <p>Start the console with `--env NAME` to see the environment's timeouts and rules.</p>}
      <Trouble>{trouble}</Trouble>
      {rules && <Timeouts rules={rules} />}
      {rules && <RuleList rules={rules.rules} />}
    </>
  );
}

function Timeouts({ rules }: { rules: Rules }) {
  const violated = rules.rules.filter(({ state }) => state === "violated");
  // Errors first.
  violated.sort((one, other) => (one.level ?? "").localeCompare(other.level ?? ""));
  return (
    <section>
      <h2>Timeouts</h2>
      {rules.pictures.map((picture) => (
        <Axis key={picture.subject} picture={picture} rules={rules.rules} />
      ))}
      {violated.length === 0 && (
        <p>
          <Pill kind="good">✓</Pill> No rule is violated.
        </p>
      )}
      {violated.map((rule) => (
        <article key={rule.name} class="violation">
          <h3>
            <Pill kind={rule.level === "error" ? "bad" : "warn"}>{rule.level}</Pill> {rule.name}
          </h3>
          <p>
            <Raw>{rule.message ?? ""}</Raw>
          </p>
          {rule.needs && (
            <p>
              It needs <code>{rule.needs}</code>
            </p>
          )}
          <p>
            Fix: <Raw>{rule.fix ?? ""}</Raw>
          </p>
        </article>
      ))}
    </section>
  );
}

const WORDS: Record<Rule["state"], [string, "good" | "bad" | "warn" | "plain"]> = {
  violated: ["violated", "bad"],
  ignored: ["ignored", "warn"],
  not_seen: ["not seen", "warn"],
  holds: ["holds", "good"],
  does_not_apply: ["does not apply", "plain"],
};
/** Where the word for several is another. */
const MANY: Record<string, string> = { holds: "hold", does_not_apply: "do not apply" };
const ORDER = Object.keys(WORDS);

function RuleList({ rules }: { rules: Rule[] }) {
  const topics = [...new Set(rules.map(({ topic }) => topic))];
  return (
    <section>
      <h2>Rules</h2>
      {topics.map((topic) => (
        <details key={topic} open={rules.some((rule) => rule.topic === topic && rule.state === "violated")}>
          <summary>
            {topic}: {count(rules.filter((rule) => rule.topic === topic))}
          </summary>
          <ul class="rules">
            {rules
              .filter((rule) => rule.topic === topic)
              .sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state))
              .map((rule) => (
                <li key={rule.name}>
                  <Pill kind={WORDS[rule.state][1]}>{WORDS[rule.state][0]}</Pill> <code>{rule.name}</code>
                  <small>
                    {rule.summary}. {rule.reason && <Raw>{`Ignored: ${rule.reason}`}</Raw>}
                  </small>
                </li>
              ))}
          </ul>
        </details>
      ))}
    </section>
  );
}

function count(rules: Rule[]): string {
  const states = ORDER.map((state) => [state, rules.filter((rule) => rule.state === state).length] as const);
  const some = states.filter(([, number]) => number > 0);
  const word = (state: string, number: number) =>
    number === 1 ? WORDS[state as Rule["state"]][0] : (MANY[state] ?? WORDS[state as Rule["state"]][0]);
  return some.map(([state, number]) => `${number} ${word(state, number)}`).join(", ");
}
