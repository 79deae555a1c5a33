// Server-sent events. The browser's own EventSource sends no header, and the token is one.
import { Refusal, request, said } from "./api";

/** Listens until the signal stops it or the console goes away; `take` gets each event's document. */
export async function listen(path: string, signal: AbortSignal, take: (document: unknown) => void): Promise<never> {
  const answer = await request(path, { signal });
  if (!answer.ok || !answer.body) throw new Refusal(answer.status, said(await answer.json(), answer.status));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("The console went away: does `deployer console` still run?");
    const events = (text + value).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
  }
}
