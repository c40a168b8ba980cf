// Puts the parts together: the turns, what is shown of them, and when it is drawn again.

import { byId, make, say } from "./dom.js";
import { clock, plural } from "./format.js";
import { showHeadline } from "./headline.js";
import { List } from "./list.js";
import { groups, merge, passes, totals } from "./model.js";
import { backendGone, empty, keyForm, noMatch, proxyGone, stoodDown } from "./notices.js";
import { Panel } from "./panel.js";
import { Source } from "./source.js";

const state = { turns: new Map(), link: "connecting", about: {}, backend: null, off: [], seen: null, due: false };
const filters = { client: "", kind: "", broken: false };

const source = new Source({ turns: addTurns, link: setLink, backend: setBackend, stoodDown: setOff });
const list = new List(openTurn);
const panel = new Panel({ more: (id) => source.turn(id), left: leaveTurn });

function addTurns(turns) {
  state.turns = merge(state.turns, turns);
  state.seen = Date.now();
  showSoon();
}

function setLink(link, about = {}) {
  Object.assign(state, { link, about });
  showLink();
  showSoon();
}

function setBackend(answers) {
  if (state.backend === answers) return;
  state.backend = answers;
  showBackend();
  showSoon();
}

function setOff(off) {
  if (JSON.stringify(off) === JSON.stringify(state.off)) return;
  state.off = off;
  showSoon();
}

// At most twenty times a second, however many turns come in.
function showSoon() {
  if (state.due) return;
  state.due = true;
  setTimeout(() => {
    state.due = false;
    show();
  }, 50);
}

function show() {
  const turns = [...state.turns.values()];
  const passed = turns.filter((turn) => passes(turn, filters));
  showHeadline(totals(turns));
  showFilters(turns);
  byId("headline").hidden = byId("conversations").hidden = !turns.length;
  list.show(groups(passed));
  list.mark(panel.id);
  say(byId("shown"), turns.length === passed.length ? "" : `${plural(passed.length, "turn")} of ${turns.length} shown`);
  showNotices(turns.length, passed.length);
}

const LINKS = { connecting: "Connecting…", live: "Live", lost: "Proxy gone, trying again", key: "Key needed" };

function showLink() {
  byId("link").dataset.state = state.link;
  say(byId("link"), LINKS[state.link]);
}

function showBackend() {
  const shown = byId("backend");
  shown.hidden = state.backend === null;
  shown.dataset.state = state.backend ? "live" : "lost";
  say(shown, state.backend ? "Backend answers" : "Backend does not answer");
}

// One notice for each reason, made again only if the reason changes: a form keeps what was typed.
function showNotices(known, passed) {
  const wanted = [];
  if (state.link === "lost") wanted.push(["lost", gone]);
  if (state.link === "key") wanted.push([`key ${state.about.wrong}`, askKey]);
  if (state.backend === false && state.link === "live") wanted.push(["backend", backendGone]);
  if (state.off.length) wanted.push([`off ${JSON.stringify(state.off)}`, () => stoodDown(state.off)]);
  if (!known && state.link === "live") wanted.push(["empty", () => empty({ keyed: source.hasKey() })]);
  if (known && !passed) wanted.push(["none", () => noMatch(showAll)]);
  const root = byId("notices");
  const keys = wanted.map(([key]) => key).join();
  if (root.dataset.keys === keys) return;
  root.dataset.keys = keys;
  root.replaceChildren(...wanted.map(([, notice]) => notice()));
}

function gone() {
  const since = state.seen === null ? null : clock(state.seen);
  return proxyGone({ since, reason: state.about.reason, retry: () => source.retry() });
}

function askKey() {
  return keyForm({ wrong: state.about.wrong, use: (key) => source.useKey(key) });
}

function showFilters(turns) {
  const values = (name) => [...new Set(turns.map((turn) => turn[name]).filter(Boolean))].sort();
  setOptions(byId("by-client"), "all clients", values("client"), filters.client);
  setOptions(byId("by-kind"), "all kinds", values("kind"), filters.kind);
}

function setOptions(select, all, values, chosen) {
  if (chosen && !values.includes(chosen)) values.push(chosen);
  const wanted = ["", ...values];
  if ([...select.options].map((option) => option.value).join("\n") === wanted.join("\n")) return;
  select.replaceChildren(...wanted.map((value) => make("option", { value }, value || all)));
  select.value = chosen;
}

function readFilters() {
  filters.client = byId("by-client").value;
  filters.kind = byId("by-kind").value;
  filters.broken = byId("by-break").checked;
  show();
}

function showAll() {
  byId("filters").reset();
  readFilters();
  byId("by-client").focus();
}

function openTurn(id) {
  const turn = state.turns.get(id);
  if (!turn) return;
  const hasText = ({ break: found }) => found && ((found.before ?? found.after ?? null) !== null);
  panel.open(turn, [...state.turns.values()].some(hasText));
  list.mark(id);
}

function leaveTurn(id) {
  list.mark(null);
  list.bar(id)?.focus({ preventScroll: true });
}

byId("filters").addEventListener("change", readFilters);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
showHeadline(totals([]));
source.start();
