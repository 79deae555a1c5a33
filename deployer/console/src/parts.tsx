// Small pieces that views share.
import type { ComponentChildren } from "preact";

/** Text that others have written: as text, and in a direction of its own. */
export const Raw = ({ children }: { children: string }) => <bdi class="raw">{children}</bdi>;

export const Trouble = ({ children }: { children: string | null }) =>
  children ? (
    <p class="trouble" role="alert">
      {children}
    </p>
  ) : null;

export const Tile = ({ name, value, note, bad }: { name: string; value: string; note?: string; bad?: boolean }) => (
  <div class={bad ? "tile bad" : "tile"}>
    <dt>{name}</dt>
    <dd>
      {value}
      {note && <small>{note}</small>}
    </dd>
  </div>
);

/** A word with a colour that it does not depend on. */
export const Pill = ({ kind, children }: { kind: "good" | "bad" | "warn" | "plain"; children: ComponentChildren }) => (
  <span class={`pill ${kind}`}>{children}</span>
);

/** A table that scrolls sideways on narrow screens. */
export function Table({ name, head, children }: { name: string; head: string[]; children: ComponentChildren }) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label={name}>
      <table>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
