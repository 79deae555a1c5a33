// A question before something is destroyed, and forms: the browser's own dialogs, which take the
// focus, give it back, and close with Escape.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { words } from "./api";
import { Trouble } from "./parts";

interface Props {
  title: string;
  /** The button that does it. */
  verb: string;
  /** Whether it destroys something. */
  destroys?: boolean;
  /** Does it; the dialog closes then, unless it says "stay". */
  run: () => Promise<unknown>;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, verb, destroys = false, run, close, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  useLayoutEffect(() => element.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setTrouble(null);
    try {
      if ((await run()) !== "stay") close();
    } catch (error) {
      setTrouble(words(error));
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={element}
      // What is under way is waited for: what came of it would be lost.
      onCancel={(event) => busy && event.preventDefault()}
      onClose={close}
      aria-label={title}
    >
      <form onSubmit={submit}>
        <h2>{title}</h2>
        {children}
        <Trouble>{trouble}</Trouble>
        <p class="buttons">
          <button type="button" onClick={close} disabled={busy} autofocus={destroys}>
            Cancel
          </button>
          <button class={destroys ? "danger" : "primary"} disabled={busy}>
            {busy ? "…" : verb}
          </button>
        </p>
      </form>
    </dialog>
  );
}
