// Publishes a reward code: node publish.mjs CHANNEL ID CODE. Node.js 18 or later, no package.
import { setTimeout as sleep } from "node:timers/promises";

const url = process.env.HOLDFAST_URL ?? "https://drops.example.com";
const [channel, id, code] = process.argv.slice(2);

/** Publishes a message. With an `id` of its own it may be sent again: it is delivered once. */
async function publish(channel, message, attempts = 6) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await post(channel, message);
    if (answer?.ok) return answer.json();
    const again = answer === undefined || answer.status === 429 || answer.status >= 500;
    if (!again || attempt === attempts) {
      throw new Error(answer ? `${answer.status}: ${await answer.text()}` : "no answer");
    }
    const wait = Number(answer?.headers.get("retry-after") ?? 0) * 1000;
    await sleep(Math.max(wait, 250 * 2 ** attempt * (0.5 + Math.random() / 2)));
  }
}

/** One try; nothing where no answer came. */
function post(channel, message) {
  const path = `/v1/namespaces/dropcodes/channels/${encodeURIComponent(channel)}/messages`;
  return fetch(url + path, {
    method: "POST",
    headers: {
      Authorization: `ApiKey ${process.env.BACKEND_KEY}`,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(message),
    signal: AbortSignal.timeout(5000),
  }).catch(() => undefined);
}

const message = await publish(channel, { id, event: "code", data: { code }, ttl: 600_000 });
console.log(message.id, message.state);
