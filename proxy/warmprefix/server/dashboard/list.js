// Conversations as cards with a row of turns each. Elements are reused and moved, never made again, so that
// focus and scroll position stay while turns come in.

import { byId, make, say } from "./dom.js";
import { count, percent, plural, when } from "./format.js";
import { totals } from "./model.js";
import { makeTurn, showTurn, size } from "./turn.js";

const AT_ONCE = 60; // bars of one conversation before older ones need a click

export class List {
  // `open(turn id)`: called to show a turn.
  constructor(open) {
    this.root = byId("list");
    this.open = open;
    this.cards = new Map();
    this.whole = new Set();
    this.first = true;
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("keydown", (event) => this.moved(event));
    this.root.addEventListener("focusin", (event) => this.focused(event));
  }

  show(groups) {
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
    describe(card, group, largest);
    card.earlier.hidden = hidden === 0;
    say(card.earlier, `Show ${plural(hidden, "earlier turn")}`);
    this.fill(card, shown, largest);
    return card;
  }

  fill(card, turns, largest) {
    const bars = turns.map((turn) => {
      const known = card.bars.get(turn.turn);
      const bar = known ?? makeTurn(turn.turn);
      if (!known && !this.first) bar.classList.add("fresh");
      showTurn(bar, turn, largest);
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
      this.show(this.groups);
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
  const title = make("h3", {});
  const facts = make("p", { className: "facts" });
  const scale = make("p", { className: "scale" });
  const earlier = make("button", { type: "button", className: "earlier", hidden: true });
  earlier.dataset.key = group.key;
  const row = make("div", { className: "row-of-turns", role: "toolbar" });
  const head = make("header", {}, title, facts, scale);
  const side = make("div", { className: "bars" }, earlier, row);
  const root = make("article", { className: group.alone ? "card alone" : "card" }, head, side);
  return { root, title, facts, scale, earlier, row, bars: new Map() };
}

function describe(card, group, largest) {
  const newest = group.turns.at(-1);
  const sums = totals(group.turns);
  const id = group.id === null ? "" : String(group.id).slice(0, 8);
  const name = group.alone ? "Side requests" : group.id === null ? "Not understood, forwarded" : id;
  say(card.title, `${newest.client ?? "unknown"} · ${name}`);
  card.row.setAttribute("aria-label", `Turns of ${card.title.textContent}. Arrow keys move, Enter opens.`);
  const facts = [
    model(group.turns),
    plural(group.turns.length, group.alone ? "request" : "turn"),
    sums.ratio === null ? "reuse not reported" : `${percent(sums.ratio)} reused`,
    sums.breaks ? `✂ ${plural(sums.breaks, "break")}` : null,
    when(newest.time),
  ];
  say(card.facts, facts.filter(Boolean).map(unbroken).join(" · "));
  say(card.scale, largest > 1 ? `highest bar: ${count(largest)} tokens` : "");
}

// One fact stays on one line if it can.
function unbroken(fact) {
  return fact.replaceAll(" ", "\u00a0");
}

// The newest name of a model, without the folders that llama-server puts before it.
function model(turns) {
  const named = turns.findLast((turn) => turn.model)?.model;
  return named ? String(named).split("/").at(-1) : null;
}

// Put the children in this order, moving only those that are out of order.
function arrange(parent, children) {
  for (const child of [...parent.children]) if (!children.includes(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}
