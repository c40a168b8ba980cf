// The panel beside the list; on a narrow screen it covers the page. Focus goes in and comes back.

import { captured } from "./captured.js";
import { byId } from "./dom.js";
import { details } from "./details.js";

const WIDE = matchMedia("(min-width: 64rem)");

export class Panel {
  // `more(id)`: a promise of what the log leaves out; `said(id)`: of request and reply, or of why there are none.
  // `left(id)`: the panel of a turn was closed.
  constructor({ more, said, left }) {
    this.root = byId("details");
    this.more = more;
    this.said = said;
    this.left = left;
    this.id = null;
    this.root.addEventListener("close", () => this.closed());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.root.open) this.root.close();
    });
    WIDE.addEventListener("change", () => this.root.open && this.raise());
  }

  async open(turn, excerpts) {
    this.id = turn.turn;
    this.fill(turn, excerpts, null, null);
    this.raise();
    this.root.querySelector("h2").focus({ preventScroll: true });
    this.root.scrollTop = 0;
    const [more, said] = await Promise.all([this.more(turn.turn), this.said(turn.turn)]);
    if (this.id === turn.turn) this.fill(turn, excerpts, more, captured(said));
  }

  fill(turn, excerpts, more, said) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.className : null;
    const content = details(turn, { excerpts, more, said, close: () => this.root.close() });
    this.root.replaceChildren(...content.filter((child) => child !== null));
    if (focused !== null) (this.root.querySelector(focused === "close" ? ".close" : "h2")).focus({ preventScroll: true });
  }

  // A modal dialog if it covers the page; otherwise beside the list.
  raise() {
    if (this.root.open) this.root.close();
    if (WIDE.matches) this.root.show();
    else this.root.showModal();
    document.body.classList.add("has-details");
  }

  closed() {
    if (this.root.open) return; // closed only to be opened in the other way
    document.body.classList.remove("has-details");
    const id = this.id;
    this.id = null;
    this.left(id);
  }
}
