// The sums over all turns, whatever the filters show.

import { byId, say } from "./dom.js";
import { count, duration, percent, plural } from "./format.js";

export function showHeadline(sums) {
  say(byId("ratio"), percent(sums.ratio));
  say(byId("summary"), summary(sums));
  const split = byId("split");
  split.hidden = sums.ratio === null;
  divide(split, sums.cached ?? 0, (sums.prompt ?? 0) - (sums.cached ?? 0));
  say(byId("saved"), duration(sums.seconds));
  say(byId("saved-note"), savedNote(sums));
  say(byId("processed"), count(sums.processed));
  say(byId("breaks"), sums.turns ? count(sums.breaks) : "–");
  const lost = sums.tokensLost === null ? "" : `${plural(sums.tokensLost, "token")} read again`;
  say(byId("breaks-note"), lost);
  say(byId("about-rates"), sums.borrowed ? `Here that was ${plural(sums.borrowed, "turn")} of ${count(sums.turns)}.` : "");
}

// A bar in two parts; an empty part is not drawn.
export function divide(bar, cached, processed) {
  [cached, processed].forEach((tokens, at) => {
    bar.children[at].style.flexGrow = tokens;
    bar.children[at].hidden = !(tokens > 0);
  });
}

function savedNote(sums) {
  if (sums.seconds !== null) return "of prompt reading";
  return sums.turns ? "no reply reported its prompt time" : "";
}

function summary(sums) {
  if (!sums.turns) return "No turn has been reported yet.";
  if (sums.ratio === null) return `No reply of ${plural(sums.turns, "turn")} reported how many tokens were cached.`;
  const over = `over ${plural(sums.reported, "turn")}`;
  const silent = sums.turns - sums.reported;
  const rest = silent ? `; ${count(silent)} more did not report both` : "";
  return `${count(sums.cached)} of ${count(sums.prompt)} prompt tokens came from the cache, ${over}${rest}.`;
}
