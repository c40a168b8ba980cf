// What to do about a break. A hint is a value (docs/reference.md, `hint`); here it becomes lines to copy.

import { copyable, make } from "./dom.js";
import { plural } from "./format.js";

// Elements: the command that sets it, or what goes where; why; and where a client documents it.
export function hintLines(hint, saved = null) {
  const where = hint.command ? `or in ${hint.place}, beside what is there:` : `in ${hint.place}:`;
  return [
    hint.command ? copyable(hint.command, "the command") : null,
    hint.paste ? make("p", { className: "quiet" }, where) : null,
    hint.paste ? copyable(hint.paste, "the hint") : null,
    make("p", {}, sentence(hint.text), saved ? ` ${saved}` : ""),
    hint.source ? make("p", { className: "quiet" }, `Source: ${hint.source}`) : null,
  ];
}

// The one line that cures it, and where it goes; or why nothing does.
export function cure(hint) {
  const line = hint.command ?? hint.paste;
  if (!line) return make("p", { className: "no-cure" }, sentence(hint.text));
  const where = hint.command ? "in a terminal, then start the proxy again" : `in ${hint.place}`;
  return make(
    "div",
    { className: "cure" },
    copyable(line, `what cures it: ${line}`),
    make("p", { className: "quiet" }, `${capital(where)}. ${sentence(hint.text)}`),
  );
}

export function saves(tokens, where) {
  return tokens ? `It would have saved about ${plural(tokens, "token")} in ${where}.` : null;
}

function sentence(text) {
  return /[.!?]$/.test(text) ? capital(text) : `${capital(text)}.`;
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
