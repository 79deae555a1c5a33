// A message from its arrival until it is done with.
import type { Message, Status } from "./wire.js";

/** What has become of a message; the service is not told of what has expired: it knows. */
export type Outcome = Status;

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
