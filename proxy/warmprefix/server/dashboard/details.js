// One turn in full.

import { make } from "./dom.js";
import { ABSENT, count, duration, isNumber, moment, percent, plural, speed } from "./format.js";
import { changes, side } from "./diff.js";
import { divide } from "./headline.js";
import { capital, hintLines, saves } from "./hints.js";
import { cameToNothing, clientOf, hasFailed } from "./model.js";
import { partsOf, ratioOf } from "./turn.js";
import { CAUSES, SIDES } from "./words.js";

// The content of the panel. `excerpts`: whether any break has text, so log.excerpts is on; `said`: its request and
// reply, null before they are known.
export function details(turn, { excerpts, close, more, said }) {
  const button = make("button", { type: "button", className: "close", "aria-label": "Close details" }, "✕");
  button.addEventListener("click", close);
  return [
    make("header", {}, make("h2", { id: "details-title", tabIndex: -1 }, title(turn)), button),
    make("p", { className: "quiet" }, [moment(turn.time), clientOf(turn), turn.model].filter(Boolean).join(" · ")),
    hasFailed(turn) ? failure(turn, more) : null,
    tokens(turn),
    turn.break ? breakOf(turn.break, excerpts) : unbroken(turn),
    said,
    work(turn),
    timings(turn),
    ids(turn, more),
  ];
}

function title(turn) {
  if (cameToNothing(turn)) return "Request · failed";
  const number = isNumber(turn.index) && turn.kind !== "side" ? `Turn ${turn.index + 1}` : "Request";
  return `${number} · ${turn.kind === "side" ? "side request" : (turn.kind ?? "not understood")}`;
}

function failure(turn, more) {
  const status = turn.status === null ? "no status was sent" : `status ${turn.status}`;
  const said = more?.error ? make("pre", { className: "said" }, more.error) : null;
  return make("section", { className: "notice bad" }, make("p", {}, `Ended as ${turn.outcome}, ${status}.`), said);
}

function tokens(turn) {
  const ratio = ratioOf(turn);
  const bar = make("div", { className: "split", "aria-hidden": "true", hidden: ratio === null },
    ["cached", "lost", "processed"].map((name) => make("span", { className: name })));
  const [cached, processed, lost] = partsOf(turn);
  divide(bar, cached, lost, processed);
  return make(
    "section",
    { "aria-label": "Tokens" },
    bar,
    table([
      ["Prompt", count(turn.prompt_tokens)],
      ["Cached", ratio === null ? count(turn.cached_tokens) : `${count(turn.cached_tokens)} (${percent(ratio)})`],
      ["Processed", count(turn.processed_tokens)],
      keptOf(turn),
      ["Generated", count(turn.generated_tokens)],
    ]),
  );
}

// How many tokens the turn would have processed without us, if that is known and differs.
function keptOf(turn) {
  if (!turn.kept_tokens) return null;
  const rest = turn.kept_tokens > 0 ? `${count(turn.kept_tokens)} kept` : `${count(-turn.kept_tokens)} fewer`;
  return ["Without warmprefix", `about ${count(turn.direct_tokens)} processed: ${rest}`];
}

function breakOf(found, excerpts) {
  const lost = isNumber(found.tokens_lost) ? plural(found.tokens_lost, "token") : "tokens not reported";
  const time = isNumber(found.seconds_lost) ? `, ${duration(found.seconds_lost)}` : "";
  const front = found.evicted_tokens ? `; ${count(found.evicted_tokens)} of them stand in front of what has changed` : "";
  return make(
    "section",
    { className: "break", "aria-labelledby": "break-title" },
    make("h3", { id: "break-title" }, `✂ Cache break: ${found.cause}`),
    make("p", {}, `${capital(CAUSES[found.cause] ?? found.cause)}.`),
    table([
      ["Path", found.path === null ? "none: no text changed" : make("code", {}, found.path)],
      ["Read again", `${lost}${time}${front}`],
      ["Whose doing", SIDES[found.side] ?? found.side],
    ]),
    difference(found, excerpts),
    make("h4", {}, "What helps"),
    ...hintLines(found.hint, saves(found.hint.saves_tokens, "this turn")),
  );
}

function difference(found, excerpts) {
  const [before, after] = [found.before ?? null, found.after ?? null];
  if (before === null && after === null) {
    if (found.path === null || excerpts) return null;
    return make("p", { className: "quiet" }, "The text before and after is not shown: ", make("code", {}, "log.excerpts"), " is off, so neither the log nor this page has text of prompts. Only path and cause are known.");
  }
  const pieces = before === null || after === null ? null : changes(before, after);
  return make(
    "div",
    { className: "diff", role: "group", "aria-label": "The text before and after" },
    line("before", "−", before, pieces && side(pieces, "gone"), "del"),
    line("after", "+", after, pieces && side(pieces, "new"), "ins"),
  );
}

function line(name, sign, text, pieces, tag) {
  const shown = pieces ?? [{ text: text ?? "", changed: text !== null }];
  const marked = shown.map((piece) => (piece.changed ? make(tag, {}, seen(piece.text)) : piece.text));
  return make(
    "div",
    { className: name },
    make("span", { className: "name" }, `${sign} ${name}`),
    make("pre", {}, text === null ? make("em", {}, "(absent)") : marked),
  );
}

// Shows blanks as marks if they are the change itself, or at its edge.
function seen(text) {
  const blank = (found) => found.replaceAll("\t", "⇥").replaceAll("\n", "⏎\n").replaceAll(" ", "·");
  return text.replace(/^\s+|\s+$/g, blank);
}

function unbroken(turn) {
  if (cameToNothing(turn)) return make("section", {}, make("p", {}, "It came to nothing, so there is nothing to compare."));
  const words = {
    cold: "A new conversation: it could reuse only what others have left in the cache.",
    side: "The client's own housekeeping, such as a title; not part of the conversation.",
  };
  const passed = "The body was not understood as a chat and was forwarded unchanged.";
  return make("section", {}, make("p", {}, turn.kind === null ? passed : (words[turn.kind] ?? "No cache break was found.")));
}

function work(turn) {
  const chips = (names) =>
    names?.length ? make("span", { className: "chips" }, names.map((name) => make("code", {}, name))) : "none";
  const saving = turn.would_save;
  const rows = [
    ["Rules", chips(turn.rules)],
    ["Restored", chips(turn.restored)],
    ["Slot", turn.slot === null ? ABSENT : `${turn.slot}${turn.slot_reason ? `: ${turn.slot_reason}` : ""}`],
    ["Prefix", isNumber(turn.prefix_messages) ? `${plural(turn.prefix_messages, "message")}, ${plural(turn.prefix_characters, "character")} as before` : ABSENT],
  ];
  if (saving) rows.push(["Would save", `${plural(saving.tokens, "token")}${saving.estimated ? " (estimated)" : ""}`]);
  return make("section", {}, make("h3", {}, "What the proxy did"), table(rows));
}

function timings(turn) {
  const ms = (value) => duration(isNumber(value) ? value / 1000 : null);
  const timed = (value, tokens) => [ms(value), speed(tokens, value)].filter(Boolean).join(", ");
  return make(
    "section",
    {},
    make("h3", {}, "Timings"),
    table([
      ["First token", ms(turn.ttft_ms)],
      ["Prompt", timed(turn.prompt_ms, turn.processed_tokens)],
      ["Generation", timed(turn.generate_ms, turn.generated_tokens)],
      ["Total", ms(turn.total_ms)],
      ["Of it the proxy", isNumber(turn.proxy_ms) ? `${turn.proxy_ms.toFixed(1)} ms` : ABSENT],
    ]),
  );
}

function ids(turn, more) {
  const code = (value) => (value ? make("code", {}, value) : ABSENT);
  return make(
    "section",
    {},
    make("h3", {}, "Request"),
    table([
      ["Turn", code(turn.turn)],
      ["Continues", code(turn.parent)],
      ["Conversation", code(turn.conversation)],
      more?.session ? ["Session", code(more.session)] : null,
      ["Endpoint", code(turn.endpoint)],
      ["Answer", `${turn.status ?? ABSENT} · ${turn.outcome}${turn.stream ? " · streamed" : ""}`],
    ]),
  );
}

function table(rows) {
  return make("dl", { className: "facts-table" },
    rows.filter(Boolean).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}
