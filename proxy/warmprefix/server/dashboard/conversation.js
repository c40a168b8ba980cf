// The page of one conversation: every turn that the proxy remembers of it, with its figures.

import { byId, make, say } from "./dom.js";
import { ABSENT, clock, count, duration, isNumber, speed } from "./format.js";
import { cameToNothing, hasFailed, nameOf } from "./model.js";
import { factsOf, List } from "./list.js";
import { Rows } from "./rows.js";

const FIGURES = ["Prompt", "Cached", "Read", "Kept", "Written", "Reads", "Writes", "Took"];
const COLUMNS = [["Turn", ""], ["Time", ""], ["What", ""], ...FIGURES.map((name) => [name, "number"])];

export class Conversation {
  // `open(turn id)`: called to show a turn.
  constructor(open) {
    this.root = byId("conversation");
    this.open = open;
    this.title = make("h2", { id: "conversation-title", tabIndex: -1 });
    this.facts = make("p", { className: "quiet" });
    this.rows = new Rows(COLUMNS, "all-turns");
    this.gone = make("p", { className: "quiet" }, "The proxy remembers no turn of this conversation.");
    const bars = make("div", { className: "list" });
    this.list = new List(bars, open);
    this.root.append(make("p", {}, make("a", { href: "#", className: "back" }, "← All conversations")), this.title, this.facts, bars, this.rows.root, this.gone);
    this.made = "";
  }

  // `group`: the conversation; null if no turn of it is known.
  show(group, titles) {
    this.gone.hidden = group !== null;
    this.rows.root.hidden = group === null;
    say(this.title, group === null ? "Conversation" : nameOf(group, titles));
    say(this.facts, group === null ? "" : factsOf(group, titles.has(group.id)).join(" · "));
    this.list.show(group === null ? [] : [group], titles);
    const made = JSON.stringify(group?.turns.map((turn) => turn.turn) ?? []);
    if (made === this.made) return;
    this.made = made;
    const focused = this.rows.body.contains(document.activeElement) ? document.activeElement.dataset.turn : null;
    this.rows.show((group?.turns ?? []).map((turn) => this.row(turn)).reverse());
    if (focused) this.rows.body.querySelector(`[data-turn="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  row(turn) {
    const number = isNumber(turn.index) && !cameToNothing(turn) ? `${turn.index + 1}` : ABSENT;
    const button = make("button", { type: "button", className: "plain", "data-turn": turn.turn, "aria-label": `Open turn ${number}` }, number);
    button.addEventListener("click", () => this.open(turn.turn));
    const cells = [
      button,
      clock(turn.time),
      what(turn),
      count(turn.prompt_tokens),
      count(turn.cached_tokens),
      count(turn.processed_tokens),
      count(turn.kept_tokens),
      count(turn.generated_tokens),
      speed(turn.processed_tokens, turn.prompt_ms) ?? ABSENT,
      speed(turn.generated_tokens, turn.generate_ms) ?? ABSENT,
      duration(isNumber(turn.total_ms) ? turn.total_ms / 1000 : null),
    ];
    return [turn.break ? "broken" : "", cells];
  }
}

function what(turn) {
  if (hasFailed(turn)) return `${turn.outcome} ${turn.status ?? ""}`.trim();
  return turn.break ? `✂ ${turn.break.cause}` : (turn.kind ?? "not understood");
}
