// The page's start.
import "./style.css";
import { render } from "preact";

import { hasToken } from "./api";
import { App } from "./app";
import { keepListening } from "./feed";

const root = document.getElementById("app")!;
root.replaceChildren();
if (hasToken) {
  render(<App />, root);
  void keepListening();
} else {
  render(
    <main>
      <h1>Holdfast console</h1>
      <p class="trouble">Open the address that `deployer console` printed: it carries a token, and this one does not.</p>
    </main>,
    root,
  );
}
