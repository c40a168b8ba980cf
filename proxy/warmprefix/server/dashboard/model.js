// What the turns add up to. Pure: records of the log in, numbers and groups out.

import { isNumber, minute, speed } from "./format.js";

const KEPT = 1000; // as many as the proxy itself remembers
const RATED = 128; // tokens: fewer are no measure of how fast a prompt is read (log/rates.py)

// The turns known so far with these added, oldest first. `known`: a Map by turn id.
export function merge(known, turns) {
  const all = new Map(known);
  for (const turn of turns) if (typeof turn?.turn === "string") all.set(turn.turn, turn);
  const sorted = [...all.values()].sort((a, b) => compare(a.time, b.time));
  return new Map(sorted.slice(-KEPT).map((turn) => [turn.turn, turn]));
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Sums over the turns of a conversation. Null if no turn reported it.
export function totals(turns) {
  const both = turns.filter((turn) => isNumber(turn.prompt_tokens) && isNumber(turn.cached_tokens));
  const prompt = total(both, "prompt_tokens");
  const cached = total(both, "cached_tokens");
  const read = turns.filter((turn) => turn.processed_tokens >= RATED);
  const written = turns.filter((turn) => turn.generated_tokens > 0 && turn.generate_ms > 0);
  return {
    ratio: prompt ? cached / prompt : null,
    kept: total(turns, "kept_tokens"),
    breaks: turns.filter((turn) => turn.break).length,
    reads: speed(total(read, "processed_tokens"), total(read, "prompt_ms")),
    writes: speed(total(written, "generated_tokens"), total(written, "generate_ms")),
  };
}

function total(turns, name) {
  const reported = turns.map((turn) => turn[name]).filter(isNumber);
  return reported.length ? reported.reduce((sum, value) => sum + value, 0) : null;
}

export function isSide(turn) {
  return turn.kind === "side";
}

export function hasFailed(turn) {
  return turn.outcome !== "ok";
}

// Whether a request came to nothing: no place in a conversation follows from that.
export function cameToNothing(turn) {
  return hasFailed(turn) && !isNumber(turn.processed_tokens) && !isNumber(turn.generated_tokens);
}

// The kind of a turn; null if its body was not understood.
export function kindOf(turn) {
  return cameToNothing(turn) ? "failed" : turn.kind;
}

// The titles of conversations, as far as their turns say one; the first is kept.
export function titles(turns) {
  const found = new Map();
  for (const turn of turns) {
    if (turn.title && !isSide(turn) && !found.has(turn.conversation)) found.set(turn.conversation, turn.title);
  }
  return found;
}

const SEARCHED = ["client", "model", "conversation", "turn", "endpoint", "outcome", "status", "backend"];

// Whether a turn passes the filters; "" lets all through. All words of `text` must be in it, or in its title.
export function passes(turn, { client, kind, broken, text = "" }, title = "") {
  if (client && turn.client !== client) return false;
  if (kind && kindOf(turn) !== kind) return false;
  if (broken && !turn.break) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const values = [...SEARCHED.map((name) => turn[name]), kindOf(turn), turn.break?.cause, turn.break?.path, title];
  const all = values.filter((value) => value !== null && value !== undefined).join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}

// Turns by conversation, the one with the newest turn first, each with its turns oldest first. Side requests
// that stand alone are one group for each client, and so are requests that came to nothing: a title and its tags
// are no conversations, and neither is what found no backend.
export function groups(turns) {
  const talked = new Set(turns.filter((turn) => !isSide(turn) && !cameToNothing(turn)).map((turn) => turn.conversation));
  const found = new Map();
  for (const turn of turns) {
    const sort = talked.has(turn.conversation) ? "talk" : cameToNothing(turn) ? "failed" : "side";
    const key = sort === "talk" ? `of ${turn.conversation}` : `${sort} ${turn.client}`;
    if (!found.has(key)) found.set(key, { key, sort, id: sort === "talk" ? turn.conversation : null, turns: [] });
    const group = found.get(key);
    found.delete(key); // put after the others: the newest is last
    found.set(key, group);
    group.turns.push(turn);
  }
  return [...found.values()].reverse();
}

// The client's name; no profile has the name unknown.
export function clientOf({ client }) {
  return client && client !== "unknown" ? client : "an unknown client";
}

// What a group is called: the first words of its user; else what it is, or who, with what and when.
export function nameOf(group, titles) {
  const first = group.turns[0];
  if (group.sort === "side") return `Side requests of ${clientOf(first)}`;
  if (group.sort === "failed") return `Failed requests of ${clientOf(first)}`;
  if (group.id === null) return "Not understood, forwarded unchanged";
  const known = [clientOf(first), model(group.turns), minute(first.time)];
  return titles.get(group.id) ?? known.filter(Boolean).join(" · ");
}

// The newest name of a model, without the folders and the ending of its file.
export function model(turns) {
  const named = turns.findLast((turn) => turn.model)?.model;
  return named ? String(named).split("/").at(-1).replace(/\.gguf$/, "") : null;
}
