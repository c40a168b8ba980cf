// Breaks by cause, the most expensive first, each with what cures it.

import { byId, make } from "./dom.js";
import { duration, plural, short } from "./format.js";
import { capital, cure } from "./hints.js";
import { CAUSES } from "./words.js";

const AT_ONCE = 3; // causes before the others need a click

// `breaks`: the `breaks` of the sums. `find(cause)`: called to show the turns of one.
export function showCauses(breaks, find) {
  const section = byId("causes");
  section.hidden = !breaks.length;
  const list = byId("cause-list");
  const made = JSON.stringify(breaks);
  if (list.dataset.made === made) return; // a line that was selected stays selected
  list.dataset.made = made;
  const open = list.querySelector(".more")?.open;
  const largest = Math.max(1, ...breaks.map((cause) => cause.tokens));
  const rows = breaks.map((cause) => row(cause, largest, find));
  const more = rows.slice(AT_ONCE);
  list.replaceChildren(...rows.slice(0, AT_ONCE));
  if (more.length) {
    list.append(make("details", { className: "more", open: Boolean(open) }, make("summary", {}, plural(more.length, "more cause")), ...more));
  }
}

function row(cause, largest, find) {
  const words = CAUSES[cause.cause] ?? cause.cause;
  const button = make("button", { type: "button", className: "plain", "aria-label": `Show the turns with ${cause.cause}` }, "Show turns");
  button.addEventListener("click", () => find(cause.cause));
  const weight = make("span", { className: "weight", "aria-hidden": "true" }, make("span", {}));
  weight.firstChild.style.width = `${Math.max((100 * cause.tokens) / largest, 1)}%`;
  const [first, ...others] = cause.hints;
  return make(
    "article",
    { className: "cause" },
    make("h3", {}, `${capital(words)} `, make("code", {}, cause.cause)),
    make("div", { className: "cost" }, weight, make("p", {}, facts(cause))),
    make("div", { className: "cures" }, first ? cure(first) : null, others.length ? rest(others) : null),
    button,
  );
}

function facts(cause) {
  const lost = cause.tokens ? `${plural(cause.tokens, "token", "tokens", short)} read again` : "cost not reported";
  const time = cause.seconds ? `, ${duration(cause.seconds)}` : "";
  return [make("strong", {}, `${lost}${time}`), ` in ${plural(cause.turns, "turn")}`];
}

function rest(hints) {
  const summary = `${plural(hints.length, "other hint")}, for other clients or texts`;
  return make("details", {}, make("summary", {}, summary), hints.map(cure));
}
