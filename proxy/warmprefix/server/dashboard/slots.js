// What the slots of the server hold, and which are saved.

import { byId, make } from "./dom.js";
import { age, bytes, count, plural } from "./format.js";
import { stoodDown } from "./notices.js";
import { Rows } from "./rows.js";

// `found`: what the proxy knows. `nameOf(conversation)`: its title; null if it is not on the page.
export function showSlots(found, nameOf) {
  const { slots = [], snapshots = [], stood_down: off = [] } = found ?? {};
  byId("slots").hidden = !slots.length && !snapshots.length && !off.length;
  const largest = Math.max(1, ...slots.map((slot) => slot.tokens ?? 0));
  const several = new Set(slots.map((slot) => slot.backend)).size > 1;
  const list = byId("slot-list");
  const open = list.querySelector("details")?.open ?? false;
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  list.replaceChildren(
    make("ul", { className: "slots" }, slots.map((slot) => slotOf(slot, largest, several, nameOf))),
    ...(off.length ? [stoodDown(off)] : []),
    ...(snapshots.length ? [saved(snapshots, open, nameOf)] : []),
  );
  if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function slotOf(slot, largest, several, nameOf) {
  const fill = make("span", { className: "fill", "aria-hidden": "true" }, make("span", { className: "cached" }));
  fill.firstChild.style.width = `${(100 * (slot.known ? slot.tokens : 0)) / largest}%`;
  return make(
    "li",
    { className: slot.known ? "slot" : "slot unknown" },
    make("p", { className: "quiet" }, `${several ? `${slot.backend} · ` : ""}Slot ${slot.slot} · ${stateOf(slot)}`),
    make("p", { className: "holds" }, holds(slot, nameOf)),
    fill,
    make("p", { className: "quiet" }, slot.known ? plural(slot.tokens, "token") : "what it holds is not proven"),
  );
}

function stateOf(slot) {
  if (slot.busy) return "busy";
  return slot.age_s === null ? "not used yet" : `idle for ${age(slot.age_s)}`;
}

function holds(slot, nameOf) {
  if (!slot.known) return "not known";
  if (!slot.conversation) return "empty";
  return [slot.side ? "side request of " : null, link(slot.conversation, nameOf)];
}

function link(conversation, nameOf) {
  const name = nameOf(conversation);
  if (name === null) return make("code", {}, conversation.slice(0, 8));
  return make("a", { href: addressOf(conversation) }, name);
}

export function addressOf(conversation) {
  return `#conversation=${encodeURIComponent(conversation)}`;
}

const COLUMNS = [["Holds", ""], ["Tokens", "number"], ["Size", "number"], ["Saved", ""], ["", ""]];

function saved(snapshots, open, nameOf) {
  const size = snapshots.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const summary = `${plural(snapshots.length, "saved slot")} on disk, ${bytes(size)}`;
  const rows = new Rows(COLUMNS);
  rows.show(snapshots.map((one) => [
    "",
    [
      one.opening ? "an opening" : link(one.conversation, nameOf),
      count(one.tokens),
      bytes(one.bytes),
      `${age(one.age_s)} ago`,
      one.fits ? "fits" : "of another model, template or build",
    ],
  ]));
  return make("details", { open }, make("summary", {}, summary), rows.root);
}
