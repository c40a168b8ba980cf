// One turn as a bar: its height is the size of the prompt. From below, in the order of the prompt: what came from
// the cache, what was read again because of a break, what was new.

import { make, say } from "./dom.js";
import { ABSENT, clock, count, isNumber, minute, percent, plural } from "./format.js";
import { hasFailed, isSide, kindOf } from "./model.js";

const HEIGHT = 72; // of the largest prompt of a conversation, in CSS pixels
const LEAST = 3; // the smallest visible bar, or part of one

const SHORT_KINDS = {
  append: "",
  "tools-changed": "tools",
  "template-options-changed": "options",
  compaction: "compact",
};
const SHORT_OUTCOMES = { client_gone: "left", stopped: "cut", backend_timeout: "late" };

export function makeTurn(id) {
  const part = (name) => make("span", { className: name });
  const stack = make("span", { className: "stack" }, part("processed"), part("lost"), part("cached"));
  const button = make(
    "button",
    { type: "button", className: "turn", tabIndex: -1, "aria-expanded": "false", "aria-controls": "details" },
    make("span", { className: "well", "aria-hidden": "true" }, make("span", { className: "mark" }), stack),
    make("span", { className: "share", "aria-hidden": "true" }),
    make("span", { className: "kind", "aria-hidden": "true" }),
    make("time", { className: "axis", "aria-hidden": "true" }),
  );
  button.dataset.turn = id;
  return button;
}

// Update a bar to its turn. `largest`: tokens of the prompt that gets the full height. `tick`: what stands below
// it on the axis of time; `pause`: whether a while has passed before it.
export function showTurn(button, turn, largest, { tick, pause }) {
  const [cached, processed, lost] = partsOf(turn);
  const tokens = size(turn);
  const stack = button.querySelector(".stack");
  stack.classList.toggle("unreported", tokens === null);
  stack.style.height = tokens === null ? "" : `${Math.max((HEIGHT * tokens) / largest, LEAST)}px`;
  setPart(stack.querySelector(".cached"), cached);
  setPart(stack.querySelector(".lost"), lost);
  setPart(stack.querySelector(".processed"), processed);
  button.classList.toggle("side", isSide(turn));
  button.classList.toggle("broken", Boolean(turn.break));
  button.classList.toggle("failed", hasFailed(turn));
  button.classList.toggle("paused", pause);
  const mark = button.querySelector(".mark");
  say(mark, turn.break ? "✂" : "");
  mark.style.fontSize = turn.break ? `${(10 + 14 * Math.sqrt(lost / largest)).toFixed(1)}px` : "";
  say(button.querySelector(".share"), shareOf(turn));
  say(button.querySelector(".kind"), labelOf(turn));
  say(button.querySelector(".axis"), tick);
  const words = described(turn);
  button.setAttribute("aria-label", words);
  button.title = turn.break ? words : "";
}

// Tokens that were cached, newly processed, and processed again.
export function partsOf(turn) {
  const processed = turn.processed_tokens ?? 0;
  const lost = Math.min(turn.break?.tokens_lost ?? 0, processed);
  return [turn.cached_tokens ?? 0, processed - lost, lost];
}

const PAUSE_MS = 5 * 60_000; // after that, a pause is worth seeing: slots are reused, servers sleep
const TICK_BARS = 2; // a time needs the room of two bars

// The axis of time: for each turn a tick, and whether a pause is before it.
export function axis(turns) {
  let [shown, at] = [null, -TICK_BARS];
  return turns.map((turn, number) => {
    const gap = number ? new Date(turn.time) - new Date(turns[number - 1].time) : 0;
    const [text, pause] = [minute(turn.time), gap > PAUSE_MS];
    const isNew = pause || (text !== shown && number - at >= TICK_BARS);
    if (isNew) [shown, at] = [text, number];
    return { tick: isNew ? text : "", pause };
  });
}

// What is said below a bar: the cause of its break, or else what kind of turn it is.
function labelOf(turn) {
  if (turn.break) return turn.break.cause;
  const kind = kindOf(turn);
  return SHORT_KINDS[kind] ?? kind ?? "";
}

function setPart(part, tokens) {
  part.style.flexGrow = tokens;
  part.style.minHeight = tokens > 0 ? `${LEAST}px` : "0";
  part.hidden = !(tokens > 0);
}

// Tokens of the prompt, or the known part of them; null if none is known.
export function size(turn) {
  if (isNumber(turn.prompt_tokens)) return turn.prompt_tokens;
  const known = [turn.cached_tokens, turn.processed_tokens].filter(isNumber);
  return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
}

export function ratioOf(turn) {
  const reported = isNumber(turn.cached_tokens) && turn.prompt_tokens > 0;
  return reported ? turn.cached_tokens / turn.prompt_tokens : null;
}

function shareOf(turn) {
  if (hasFailed(turn)) return SHORT_OUTCOMES[turn.outcome] ?? String(turn.status ?? "error");
  const ratio = ratioOf(turn);
  return ratio === null ? ABSENT : percent(ratio, 0);
}

// The bar in words, for people who cannot see it.
function described(turn) {
  const words = [`${clock(turn.time)}, ${kindOf(turn) ?? "not understood"}`];
  const tokens = size(turn);
  words.push(tokens === null ? "tokens not reported" : `${plural(tokens, "prompt token")}`);
  if (isNumber(turn.cached_tokens)) words.push(`${count(turn.cached_tokens)} cached`);
  if (isNumber(turn.processed_tokens)) words.push(`${count(turn.processed_tokens)} processed`);
  if (turn.break) words.push(`cache break: ${turn.break.cause}`);
  if (isNumber(turn.break?.tokens_lost)) words.push(`${count(turn.break.tokens_lost)} read again`);
  if (hasFailed(turn)) words.push(`ended as ${turn.outcome}`);
  return words.join(", ");
}
