// Conversations as cards with a row of turns each. Elements are reused and moved, never made again, so that
// focus and scroll position stay while turns come in.

import { make, say } from "./dom.js";
import { count, percent, plural, short, when } from "./format.js";
import { clientOf, model, nameOf, totals } from "./model.js";
import { addressOf } from "./slots.js";
import { axis, makeTurn, showTurn, size } from "./turn.js";

const AT_ONCE = 60; // bars of one conversation before older ones need a click

export class List {
  // `root`: where it is shown; `open(turn id)`: called to show a turn.
  constructor(root, open) {
    this.root = root;
    this.open = open;
    this.cards = new Map();
    this.whole = new Set();
    this.first = true;
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("keydown", (event) => this.moved(event));
    this.root.addEventListener("focusin", (event) => this.focused(event));
  }

  // `titles`: of conversations, by id.
  show(groups, titles) {
    this.titles = titles;
    const focused = document.activeElement;
    const cards = groups.map((group) => this.card(group));
    for (const [key, card] of this.cards) {
      if (!cards.includes(card)) {
        card.root.remove();
        this.cards.delete(key);
      }
    }
    arrange(this.root, cards.map((card) => card.root));
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    this.first = false;
    this.groups = groups;
  }

  card(group) {
    if (!this.cards.has(group.key)) this.cards.set(group.key, makeCard(group));
    const card = this.cards.get(group.key);
    const hidden = this.whole.has(group.key) ? 0 : Math.max(group.turns.length - AT_ONCE, 0);
    const shown = group.turns.slice(hidden);
    const largest = Math.max(1, ...shown.map((turn) => size(turn) ?? 0));
    describe(card, group, largest, this.titles);
    card.earlier.hidden = hidden === 0;
    say(card.earlier, `Show ${plural(hidden, "earlier turn")}`);
    this.fill(card, shown, largest);
    return card;
  }

  fill(card, turns, largest) {
    const ticks = axis(turns);
    const bars = turns.map((turn, at) => {
      const known = card.bars.get(turn.turn);
      const bar = known ?? makeTurn(turn.turn);
      if (!known && !this.first) bar.classList.add("fresh");
      showTurn(bar, turn, largest, ticks[at]);
      return [turn.turn, bar];
    });
    card.bars = new Map(bars);
    arrange(card.row, bars.map(([, bar]) => bar));
    // One stop for Tab in a row: the newest bar, until arrow keys or a click choose another.
    const stops = [...card.row.children];
    if (!stops.some((bar) => bar.tabIndex === 0)) stops.at(-1).tabIndex = 0;
  }

  bar(id) {
    for (const card of this.cards.values()) if (card.bars.has(id)) return card.bars.get(id);
    return null;
  }

  mark(id) {
    for (const bar of this.root.querySelectorAll(".turn")) {
      bar.setAttribute("aria-expanded", String(bar.dataset.turn === id));
    }
  }

  clicked(event) {
    const bar = event.target.closest(".turn");
    if (bar) this.open(bar.dataset.turn);
    const earlier = event.target.closest(".earlier");
    if (earlier) {
      this.whole.add(earlier.dataset.key);
      this.show(this.groups, this.titles);
    }
  }

  focused(event) {
    const bar = event.target.closest(".turn");
    if (!bar) return;
    for (const other of bar.parentElement.children) other.tabIndex = other === bar ? 0 : -1;
  }

  moved(event) {
    const bar = event.target.closest(".turn");
    if (!bar || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = neighbour(bar, event.key);
    if (target === undefined) return;
    event.preventDefault();
    target?.focus();
  }
}

// The bar that a key goes to: null if there is none, undefined if the key means nothing here.
function neighbour(bar, key) {
  const row = bar.parentElement;
  const card = row.closest(".card");
  const stop = (other) => other?.querySelector('.turn[tabindex="0"]') ?? null;
  switch (key) {
    case "ArrowLeft":
      return bar.previousElementSibling;
    case "ArrowRight":
      return bar.nextElementSibling;
    case "Home":
      return row.firstElementChild;
    case "End":
      return row.lastElementChild;
    case "ArrowUp":
      return stop(card.previousElementSibling);
    case "ArrowDown":
      return stop(card.nextElementSibling);
    default:
      return undefined;
  }
}

function makeCard(group) {
  const title = group.id === null ? make("span", {}) : make("a", { href: addressOf(group.id) });
  const facts = make("p", { className: "facts" });
  const scale = make("p", { className: "scale" });
  const earlier = make("button", { type: "button", className: "earlier", hidden: true });
  earlier.dataset.key = group.key;
  const row = make("div", { className: "row-of-turns", role: "toolbar" });
  const head = make("header", {}, make("h3", {}, title), facts, scale);
  const side = make("div", { className: "bars" }, earlier, row);
  const root = make("article", { className: group.sort === "talk" ? "card" : "card alone" }, head, side);
  return { root, title, facts, scale, earlier, row, bars: new Map() };
}

function describe(card, group, largest, titles) {
  say(card.title, nameOf(group, titles));
  card.row.setAttribute("aria-label", `Turns of ${card.title.textContent}. Arrow keys move, Enter opens.`);
  say(card.facts, factsOf(group, titles.has(group.id)).map(unbroken).join(" · "));
  say(card.scale, largest > 1 ? `highest bar: ${plural(largest, "token")}` : "");
}

// What is known of a conversation, in short. `titled`: its name does not say who and with what.
export function factsOf(group, titled) {
  const newest = group.turns.at(-1);
  const sums = totals(group.turns);
  const facts = [
    titled ? clientOf(newest) : null,
    titled || group.id === null ? model(group.turns) : null,
    plural(group.turns.length, group.sort === "talk" ? "turn" : "request"),
    sums.ratio === null ? null : `${percent(sums.ratio, 0)} cached`,
    sums.kept ? `${short(sums.kept)} kept` : null,
    sums.breaks ? `✂ ${plural(sums.breaks, "break")}` : null,
    sums.reads ? `reads ${sums.reads}` : null,
    sums.writes ? `writes ${sums.writes}` : null,
    when(newest.time),
  ];
  return facts.filter(Boolean);
}

// One fact stays on one line if it can.
function unbroken(fact) {
  return fact.replaceAll(" ", "\u00a0");
}

// Put the children in this order, moving only those that are out of order.
function arrange(parent, children) {
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}
