// One turn as a bar: its height is the size of the prompt, split into cached and processed tokens.

import { make, say } from "./dom.js";
import { ABSENT, clock, count, isNumber, percent } from "./format.js";
import { hasFailed, isSide } from "./model.js";

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
  const stack = make("span", { className: "stack" }, part("processed"), part("cached"));
  const button = make(
    "button",
    { type: "button", className: "turn", tabIndex: -1, "aria-expanded": "false", "aria-controls": "details" },
    make("span", { className: "well", "aria-hidden": "true" }, make("span", { className: "mark" }), stack),
    make("span", { className: "share", "aria-hidden": "true" }),
    make("span", { className: "kind", "aria-hidden": "true" }),
  );
  button.dataset.turn = id;
  return button;
}

// Update a bar to its turn. `largest`: tokens of the prompt that gets the full height.
export function showTurn(button, turn, largest) {
  const [cached, processed] = [turn.cached_tokens ?? 0, turn.processed_tokens ?? 0];
  const tokens = size(turn);
  const stack = button.querySelector(".stack");
  stack.classList.toggle("unreported", tokens === null);
  stack.style.height = tokens === null ? "" : `${Math.max((HEIGHT * tokens) / largest, LEAST)}px`;
  setPart(stack.querySelector(".cached"), cached);
  setPart(stack.querySelector(".processed"), processed);
  button.classList.toggle("side", isSide(turn));
  button.classList.toggle("broken", Boolean(turn.break));
  button.classList.toggle("failed", hasFailed(turn));
  say(button.querySelector(".mark"), turn.break ? "✂" : "");
  say(button.querySelector(".share"), shareOf(turn));
  say(button.querySelector(".kind"), SHORT_KINDS[turn.kind] ?? turn.kind ?? "");
  button.setAttribute("aria-label", described(turn));
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
  const words = [`${clock(turn.time)}, ${turn.kind ?? "not understood"}`];
  const tokens = size(turn);
  words.push(tokens === null ? "tokens not reported" : `${count(tokens)} prompt tokens`);
  if (isNumber(turn.cached_tokens)) words.push(`${count(turn.cached_tokens)} cached`);
  if (isNumber(turn.processed_tokens)) words.push(`${count(turn.processed_tokens)} processed`);
  if (turn.break) words.push(`cache break: ${turn.break.cause}`);
  if (hasFailed(turn)) words.push(`ended as ${turn.outcome}`);
  return words.join(", ");
}
