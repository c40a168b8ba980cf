// Requests that are not answered yet: how far each prompt is read.

import { byId, make } from "./dom.js";
import { count, duration, isNumber, plural } from "./format.js";
import { divide } from "./headline.js";
import { clientOf } from "./model.js";

const SHOWN_FROM_MS = 1000; // a shorter read is a turn before anybody has looked

// `running`: as the proxy lists it; null if it was not asked.
export function showRunning(running) {
  const long = (running ?? []).filter((one) => one.elapsed_ms >= SHOWN_FROM_MS);
  byId("running").hidden = !long.length;
  byId("running-list").replaceChildren(make("ul", { className: "slots" }, long.map(requestOf)));
}

function requestOf(one) {
  const found = one.progress;
  return make(
    "li",
    { className: "slot" },
    make("p", { className: "quiet" }, `${clientOf(one)} · ${STATES[one.state] ?? one.state} for ${duration(one.elapsed_ms / 1000)}`),
    make("p", { className: "holds" }, one.title ?? one.model ?? one.endpoint),
    found && one.state === "reading" ? bar(found) : null,
    make("p", { className: "quiet" }, wordsOf(one)),
  );
}

const STATES = { waiting: "waits", reading: "is read", writing: "is answered", answering: "is answered" };

function bar({ prompt_tokens: all, cached_tokens: cached, processed_tokens: read }) {
  const parts = ["cached", "processed", "unread"].map((className) => make("span", { className }));
  const label = `${count(cached + read)} of ${plural(all, "token")} read`;
  const shown = make("div", { className: "fill parts", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": all, "aria-valuenow": cached + read }, parts);
  divide(shown, cached, read, all - cached - read);
  return shown;
}

function wordsOf({ progress: found, estimated_tokens: estimate, rest_ms: rest }) {
  if (!found) return isNumber(estimate) ? `about ${plural(estimate, "token")}` : "a prompt of unknown length";
  const left = isNumber(rest) && rest > 0 ? `, about ${duration(rest / 1000)} left` : "";
  const read = found.cached_tokens + found.processed_tokens;
  return `${count(read)} of ${plural(found.prompt_tokens, "token")} (${count(found.cached_tokens)} cached)${left}`;
}
