// Calls on the console's own server. The token comes behind the # of the address, which browsers
// send to nobody; it is kept for this tab, so that a reload works.

const KEPT = "console-token";

function takeToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return sessionStorage.getItem(KEPT) ?? "";
  sessionStorage.setItem(KEPT, given);
  history.replaceState(null, "", "#/nodes");
  return given;
}

const token = takeToken();
export const hasToken = token !== "";

/** What a call was answered with that it did not want. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

export function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { "x-console-token": token, ...init.headers };
  return fetch(`/api${path}`, { ...init, headers, credentials: "omit" });
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const answer = await request(path, init).catch(() => {
    throw new Refusal(0, "The console does not answer: does `deployer console` still run?");
  });
  const document = parsed(await answer.text());
  if (!answer.ok) throw new Refusal(answer.status, said(document, answer.status));
  return document as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A problem's words, with the fields that are wrong. */
export function said(document: unknown, status: number): string {
  if (typeof document !== "object" || document === null) return `Answered with ${status}`;
  const { detail, title, errors } = document as {
    detail?: string;
    title?: string;
    errors?: { field: string; detail: string }[];
  };
  const fields = (errors ?? []).map((error) => `${error.field}: ${error.detail}`);
  return [detail ?? title ?? `Answered with ${status}`, ...fields].join(". ");
}

/** What an error says to a person. */
export const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

const part = encodeURIComponent;
export const channelPath = (namespace: string, channel: string) =>
  `/v1/namespaces/${part(namespace)}/channels/${part(channel)}`;
