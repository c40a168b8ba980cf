// Request and reply of a captured turn, as people read them.

import { make } from "./dom.js";
import { plural } from "./format.js";

const NEWEST = 3; // messages that are shown at once: what was asked last, and what came before it

// `found`: the answer of the proxy; a text if there is none, which says why.
export function captured(found) {
  const content = typeof found === "string" ? [make("p", { className: "quiet" }, found)] : said(found);
  return make("section", { className: "said-all", "aria-label": "Request and reply" }, make("h3", {}, "Request and reply"), ...content);
}

function said(found) {
  const messages = found.messages ?? [];
  const earlier = messages.slice(0, -NEWEST);
  return [
    make("p", { className: "quiet" }, found.as_received ? "It went to the backend exactly as it came." : "As it came; what went to the backend was mended."),
    earlier.length ? make("details", {}, make("summary", {}, plural(earlier.length, "earlier message")), earlier.map(message)) : null,
    ...messages.slice(-NEWEST).map(message),
    found.reply ? message({ ...found.reply, role: "reply" }) : make("p", { className: "quiet" }, found.error ?? "There is no reply."),
    raw("The body of the request", found.request, found.messages === null),
    raw("The body of the reply", found.response, false),
  ].filter(Boolean);
}

function message({ role, parts }) {
  const shown = parts.filter((part) => part.text || part.name);
  return make(
    "div",
    { className: role === "reply" ? "message reply" : "message" },
    make("p", { className: "role" }, role ?? "text"),
    shown.length ? shown.map(part) : make("p", { className: "quiet" }, "(nothing)"),
  );
}

const NAMES = { reasoning: "thinks", call: "calls", result: "result" };

function part({ kind, text, name }) {
  const label = NAMES[kind] ? make("span", { className: "part" }, [NAMES[kind], name].filter(Boolean).join(" ")) : null;
  return make("div", { className: `part-${NAMES[kind] ? kind : "text"}` }, label, make("pre", {}, text));
}

function raw(name, text, open) {
  return make("details", { open }, make("summary", {}, name), make("pre", { className: "raw" }, text));
}
