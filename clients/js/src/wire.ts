// What the service sends and takes.

/** What comes with each message. Times are RFC 3339 by the service's clock. */
export interface Message {
  /** The same on a repeat. */
  id: string;
  sent_at: string;
  deliver_at: string;
  expires_at: string;
  /** Milliseconds from `sent_at` until it is no longer worth showing. */
  expires_in: number;
  /** Whether a connection of the key was handed it before. */
  redelivered: boolean;
}

/** What a plugin tells the service of a message that it is done with. */
export type Status = "shown" | "skipped" | "failed";

/** What has become of a message; the service is not told of what has expired: it knows. */
export type Outcome = Status | "expired";

/** A message as it waits here. */
export interface Entry {
  event: string;
  data: unknown;
  message: Message;
  /** Whether the service asks for an acknowledgement. */
  acknowledged: boolean;
  /** The id of the connection that it came on. */
  cameOn: string | undefined;
  /** How often its handler has failed. */
  failures: number;
}

/** What tells a message from others: one to a channel and one to everyone may share an id. */
export function identity(message: Message): string {
  return `${message.id} ${message.deliver_at}`;
}
