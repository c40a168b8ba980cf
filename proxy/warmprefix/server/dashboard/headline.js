// The sums over all turns, those of earlier starts of the proxy too, whatever the filters show. Breaks are since
// its last start.

import { byId, say } from "./dom.js";
import { ABSENT, count, duration, isNumber, percent, plural, short, speed, when } from "./format.js";

// `sums`: what the proxy has added up; null before it was asked.
export function showHeadline(sums) {
  const known = sums ?? { turns: 0, reported: 0, breaks: [] };
  showKept(known);
  showTime(known);
  say(byId("processed"), isNumber(known.processed_tokens) ? short(known.processed_tokens) : ABSENT);
  say(byId("processed-note"), readNote(known));
  const broken = known.breaks.reduce((sum, cause) => sum + cause.turns, 0);
  const lost = known.breaks.reduce((sum, cause) => sum + cause.tokens, 0);
  say(byId("breaks"), known.turns ? count(broken) : ABSENT);
  const start = known.started === known.since ? "" : ` since the start ${when(known.started)}`;
  say(byId("breaks-note"), (broken ? `${plural(lost, "token", "tokens", short)} read again` : "every prompt continued the one before") + start);
  const ratio = known.prompt_tokens ? known.cached_tokens / known.prompt_tokens : null;
  say(byId("ratio"), percent(ratio));
  say(byId("ratio-note"), ratioNote(known, ratio));
}

// A bar in parts; an empty part is not drawn.
export function divide(bar, ...parts) {
  parts.forEach((tokens, at) => {
    bar.children[at].style.flexGrow = tokens;
    bar.children[at].hidden = !(tokens > 0);
  });
}

// What was kept, or would have been if the proxy only observes.
export function keptOf(sums) {
  if (isNumber(sums.would_save_tokens)) return sums.would_save_tokens;
  if (!isNumber(sums.direct_tokens) || !isNumber(sums.processed_tokens)) return null;
  return sums.direct_tokens - sums.processed_tokens;
}

function showKept(sums) {
  const kept = keptOf(sums);
  const observes = isNumber(sums.would_save_tokens);
  say(byId("kept"), short(kept));
  const noun = kept === 1 ? "token" : "tokens";
  say(byId("kept-what"), `${noun} ${observes ? "would have been kept" : "kept"}`);
  const split = byId("split");
  split.hidden = kept === null || !sums.processed_tokens;
  divide(split, Math.max(kept ?? 0, 0), (sums.processed_tokens ?? 0) - (observes ? kept : 0));
  say(byId("summary"), summary(sums, kept, observes));
}

function summary(sums, kept, observes) {
  if (!sums.turns) return "No turn has been reported yet.";
  const turns = `${plural(sums.turns, "turn")} since ${when(sums.since)}`;
  if (kept === null) return `No reply of ${turns} reported how many tokens were processed.`;
  const read = short(sums.processed_tokens);
  if (observes) {
    return `${read} read; with warmprefix about ${short(sums.processed_tokens - kept)}. It only observes now, in ${turns}.`;
  }
  if (kept === 0) return `${read} read, as many as without warmprefix: no prompt had to be mended. ${turns}.`;
  return `${read} read; without warmprefix about ${short(sums.direct_tokens)}. ${turns}.`;
}

function showTime(sums) {
  const known = isNumber(sums.direct_ms) && isNumber(sums.prompt_ms);
  const kept = known ? (sums.direct_ms - sums.prompt_ms) / 1000 : null;
  say(byId("time"), kept !== null && kept < 0 ? `−${duration(-kept)}` : duration(kept));
  say(byId("time-note"), timeNote(sums, known, kept));
}

function timeNote(sums, known, kept) {
  if (!sums.turns) return "";
  if (!known) return "no reply reported its reading time";
  const read = duration(sums.prompt_ms / 1000);
  return kept === 0 ? `of ${read} of reading` : `read in ${read}, else about ${duration(sums.direct_ms / 1000)}`;
}

function readNote(sums) {
  if (!isNumber(sums.processed_tokens)) return "";
  const rate = speed(sums.processed_tokens, sums.prompt_ms);
  const noun = sums.processed_tokens === 1 ? "token" : "tokens";
  return rate ? `${noun}, at ${rate}` : noun;
}

function ratioNote(sums, ratio) {
  if (ratio === null) return sums.turns ? "no reply reported what was cached" : "";
  return `of ${plural(sums.prompt_tokens, "prompt token", "prompt tokens", short)}, with or without our help`;
}
