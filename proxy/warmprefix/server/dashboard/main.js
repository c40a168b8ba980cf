// Puts the parts together: the turns, what is shown of them, and when it is drawn again.

import { showCauses } from "./causes.js";
import { Conversation } from "./conversation.js";
import { byId, make, say } from "./dom.js";
import { clock, plural } from "./format.js";
import { showHeadline } from "./headline.js";
import { List } from "./list.js";
import { groups, kindOf, merge, nameOf, passes, titles } from "./model.js";
import { backendsGone, empty, keyForm, noMatch, proxyGone } from "./notices.js";
import { Panel } from "./panel.js";
import { showRunning } from "./running.js";
import { showSlots } from "./slots.js";
import { Source } from "./source.js";

const state = { turns: new Map(), link: "connecting", about: {}, backends: null, slots: null, sums: null, seen: null, due: false };
const filters = { client: "", kind: "", broken: false, text: "" };

const source = new Source({ turns: addTurns, link: setLink, backends: set("backends"), slots: set("slots"), sums: set("sums"), running: showRunning });
const list = new List(byId("list"), openTurn);
const conversation = new Conversation(openTurn);
const panel = new Panel({ more: (id) => source.turn(id), said: (id) => source.captured(id), left: leaveTurn });

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

// Note an answer of the proxy, and draw again if it is another one.
function set(name) {
  return (found) => {
    if (JSON.stringify(found) === JSON.stringify(state[name])) return;
    state[name] = found;
    showSoon();
  };
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
  const named = titles(turns);
  const passed = turns.filter((turn) => passes(turn, filters, named.get(turn.conversation)));
  const all = new Map(groups(turns).map((group) => [group.id, group]));
  const chosen = conversationOf(location.hash);
  showHeadline(state.sums);
  showCauses(state.sums?.breaks ?? [], findCause);
  showSlots(state.slots, (id) => (all.has(id) ? nameOf(all.get(id), named) : null));
  showFilters(turns);
  for (const id of ["headline", "conversations", "notes"]) byId(id).hidden = !turns.length;
  if (state.sums?.turns) byId("headline").hidden = false; // of an earlier start
  byId("overview").hidden = chosen !== null;
  byId("conversation").hidden = chosen === null;
  if (chosen === null) list.show(groups(passed), named);
  else conversation.show(all.get(chosen) ?? null, named);
  shownList().mark(panel.id);
  say(byId("shown"), turns.length === passed.length ? "" : `${plural(passed.length, "turn")} of ${turns.length} shown`);
  showBackends();
  showNotices(turns.length, passed.length);
}

// The conversation that an address names; null if it names none.
function conversationOf(hash) {
  return new URLSearchParams(hash.slice(1)).get("conversation");
}

function shownList() {
  return byId("conversation").hidden ? list : conversation.list;
}

// Another address: the page of a conversation, or back. Others are places on this page.
function moved() {
  const was = byId("conversation").hidden;
  show();
  if (was && byId("conversation").hidden) return;
  scrollTo(0, 0);
  if (!byId("conversation").hidden) byId("conversation-title").focus({ preventScroll: true });
}

const LINKS = { connecting: "Connecting…", live: "Live", lost: "Proxy gone, trying again", key: "Key needed" };

function showLink() {
  byId("link").dataset.state = state.link;
  say(byId("link"), LINKS[state.link]);
}

function down() {
  return (state.backends ?? []).filter((backend) => !backend.healthy);
}

function showBackends() {
  const shown = byId("backend");
  const [all, gone] = [state.backends?.length ?? 0, down().length];
  shown.hidden = !all;
  shown.dataset.state = gone ? "lost" : "live";
  const which = all > 1 ? `${gone || all} of ${all} backends` : "Backend";
  const one = all === 1 || gone === 1;
  const answers = gone ? (one ? "does not answer" : "do not answer") : one ? "answers" : "answer";
  say(shown, `${which} ${answers}`);
}

// One notice for each reason, made again only if the reason changes: a form keeps what was typed.
function showNotices(known, passed) {
  const wanted = [];
  if (state.link === "lost") wanted.push(["lost", gone]);
  if (state.link === "key") wanted.push([`key ${state.about.wrong}`, askKey]);
  if (down().length && state.link === "live") wanted.push([`backend ${JSON.stringify(down())}`, () => backendsGone(down(), state.backends.length)]);
  if (!known && state.link === "live") wanted.push(["empty", () => empty({ keyed: source.hasKey() })]);
  if (known && !passed && !byId("overview").hidden) wanted.push(["none", () => noMatch(showAll)]);
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
  const values = (of) => [...new Set(turns.map(of).filter(Boolean))].sort();
  setOptions(byId("by-client"), "all clients", values((turn) => turn.client), filters.client);
  setOptions(byId("by-kind"), "all kinds", values(kindOf), filters.kind);
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
  filters.text = byId("by-text").value;
  show();
}

function showAll() {
  byId("filters").reset();
  readFilters();
  byId("by-text").focus();
}

// Show the turns that broke for one cause.
function findCause(cause) {
  byId("filters").reset();
  byId("by-text").value = cause;
  byId("by-break").checked = true;
  readFilters();
  byId("conversations").scrollIntoView({ block: "start" });
  byId("by-text").focus({ preventScroll: true });
}

function openTurn(id) {
  const turn = state.turns.get(id);
  if (!turn) return;
  const hasText = ({ break: found }) => found && ((found.before ?? found.after ?? null) !== null);
  panel.open(turn, [...state.turns.values()].some(hasText));
  shownList().mark(id);
}

function leaveTurn(id) {
  shownList().mark(null);
  shownList().bar(id)?.focus({ preventScroll: true });
}

byId("filters").addEventListener("change", readFilters);
byId("by-text").addEventListener("input", readFilters);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", moved);
showHeadline(null);
source.start();
