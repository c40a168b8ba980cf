// What the turns add up to. Pure: records of the log in, numbers and groups out.

import { isNumber } from "./format.js";

const KEPT = 1000; // as many as the proxy itself remembers

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

// Sums over all turns. Null if no turn reported it.
export function totals(turns) {
  const both = turns.filter((turn) => isNumber(turn.prompt_tokens) && isNumber(turn.cached_tokens));
  const prompt = total(both, "prompt_tokens");
  const cached = total(both, "cached_tokens");
  const broken = turns.filter((turn) => turn.break);
  return {
    turns: turns.length,
    reported: both.length,
    prompt,
    cached,
    ratio: prompt ? cached / prompt : null,
    processed: total(turns, "processed_tokens"),
    breaks: broken.length,
    tokensLost: total(broken.map((turn) => turn.break), "tokens_lost"),
    ...saved(turns),
  };
}

function total(turns, name) {
  const reported = turns.map((turn) => turn[name]).filter(isNumber);
  return reported.length ? reported.reduce((sum, value) => sum + value, 0) : null;
}

// Seconds that cached tokens would have taken, and how many turns counted at another rate than their own.
function saved(turns) {
  const rates = medians(turns);
  let [seconds, borrowed] = [null, 0];
  for (const turn of turns) {
    if (!isNumber(turn.cached_tokens)) continue;
    const own = rateOf(turn);
    const usual = rates.get(turn.model) ?? rates.get(null);
    if (usual === undefined) continue;
    const rate = own === null ? usual : Math.min(own, usual);
    seconds = (seconds ?? 0) + (turn.cached_tokens * rate) / 1000;
    if (turn.cached_tokens > 0 && rate !== own) borrowed += 1;
  }
  return { seconds, borrowed };
}

// Milliseconds per processed token, or null if the turn does not say.
export function rateOf(turn) {
  const says = isNumber(turn.prompt_ms) && turn.prompt_ms > 0 && turn.processed_tokens > 0;
  return says ? turn.prompt_ms / turn.processed_tokens : null;
}

// The median rate by model, and that of all turns under null. By tokens: half of them were processed faster.
function medians(turns) {
  const groups = new Map();
  for (const turn of turns) {
    const rate = rateOf(turn);
    if (rate === null) continue;
    for (const key of new Set([turn.model, null])) {
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push({ rate, tokens: turn.processed_tokens });
    }
  }
  return new Map([...groups].map(([key, rows]) => [key, median(rows)]));
}

function median(rows) {
  rows.sort((a, b) => a.rate - b.rate);
  let left = rows.reduce((sum, row) => sum + row.tokens, 0) / 2;
  for (const row of rows) if ((left -= row.tokens) <= 0) return row.rate;
  return rows.at(-1).rate;
}

export function isSide(turn) {
  return turn.kind === "side";
}

export function hasFailed(turn) {
  return turn.outcome !== "ok";
}

// Whether a turn passes the filters; "" lets all through.
export function passes(turn, { client, kind, broken }) {
  return (
    (!client || turn.client === client) && (!kind || turn.kind === kind) && (!broken || Boolean(turn.break))
  );
}

// Turns by conversation, the one with the newest turn first, each with its turns oldest first. Side requests
// that stand alone are one group for each client: a title and its tags are no conversations.
export function groups(turns) {
  const talked = new Set(turns.filter((turn) => !isSide(turn)).map((turn) => turn.conversation));
  const found = new Map();
  for (const turn of turns) {
    const alone = isSide(turn) && !talked.has(turn.conversation);
    const key = alone ? `side ${turn.client}` : `of ${turn.conversation}`;
    if (!found.has(key)) found.set(key, { key, alone, id: alone ? null : turn.conversation, turns: [] });
    const group = found.get(key);
    found.delete(key); // put after the others: the newest is last
    found.set(key, group);
    group.turns.push(turn);
  }
  return [...found.values()].reverse();
}
