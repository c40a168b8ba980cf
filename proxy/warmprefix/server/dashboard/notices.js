// What the page says if there is nothing to show, or something is missing.

import { copyable, make } from "./dom.js";
import { plural } from "./format.js";

// The address for clients: this page's own origin, and the path before our prefix.
const BASE = new URL("../v1", new URL(".", document.baseURI)).href;

export function empty({ keyed }) {
  const authorization = keyed ? " -H 'Authorization: Bearer YOUR_KEY'" : "";
  const body = `{"model": "default", "stream": true, "messages": [{"role": "user", "content": "Say hello."}]}`;
  return make(
    "section",
    { className: "notice teach", "aria-labelledby": "empty-title" },
    make("h3", { id: "empty-title" }, "No turn yet. Point a client here"),
    make("p", {}, "Most clients have settings of their own. This lists them; with a name it shows what that one needs, and writes it:"),
    copyable("warmprefix connect", "the command"),
    make("p", {}, "A program that reads its address from the environment needs nothing else:"),
    copyable(`export OPENAI_BASE_URL=${BASE}`, "the base URL"),
    make("p", {}, "Or send one request by hand. Send it twice, and the second bar shows what was reused:"),
    copyable(`curl -N ${BASE}/chat/completions${authorization} -H 'Content-Type: application/json' -d '${body}'`, "the request"),
    make("p", { className: "quiet" }, "For Lemonade Server, replace “default” by the name of one of its models. Turns appear here as they end; there is no need to reload."),
  );
}

export function noMatch(showAll) {
  const button = make("button", { type: "button" }, "Show all turns");
  button.addEventListener("click", showAll);
  return make("section", { className: "notice" }, make("p", {}, "No turn matches these filters."), button);
}

export function proxyGone({ since, reason, retry }) {
  const button = make("button", { type: "button" }, "Try now");
  button.addEventListener("click", retry);
  return make(
    "section",
    { className: "notice bad" },
    make("h3", {}, "The proxy does not answer"),
    make("p", {}, reason ?? "It was stopped, or this machine cannot reach it."),
    make("p", {}, "Start it again, and this page reconnects by itself:"),
    copyable("warmprefix serve", "the command"),
    since === null ? null : make("p", { className: "quiet" }, `The turns below are as of ${since}.`),
    button,
  );
}

// `down`: the backends that cannot be used now; `all`: how many there are.
export function backendsGone(down, all) {
  const several = all > 1;
  const title = several ? `${down.length} of ${all} backends cannot be used` : "The backend does not answer";
  const loading = down.every((one) => one.error?.includes("loading"));
  const what = several && down.length < all
    ? "Requests go to the others; conversations that it holds are read again there."
    : "The proxy runs, but requests get status 502 until the server with the model is reached.";
  return make(
    "section",
    { className: "notice bad" },
    make("h3", {}, loading && !several ? "The backend is loading its model" : title),
    make("ul", { className: "down" }, down.map(reasonOf)),
    make("p", {}, loading ? "It answers as soon as that is done; there is nothing to do." : `${what} Start it, or name the right address:`),
    loading ? null : copyable("warmprefix serve --backend http://127.0.0.1:8080", "the command"),
    make("p", { className: "quiet" }, "The setting is backend.url; ", make("code", {}, "warmprefix config"), " shows its value and where it came from, ", make("code", {}, "warmprefix doctor"), " asks the backend. llama-server listens on port 8080 or 9931, Lemonade on 13305."),
  );
}

function reasonOf({ url, error }) {
  if (url === null) return make("li", {}, "No backend answers.");
  return make("li", {}, make("code", {}, url), `: ${error ?? "it does not answer"}`);
}

const BEHAVIOURS = {
  own: "Asking for the slot of a conversation",
  copy: "Giving requests a copy from the RAM cache",
  apart: "Keeping requests apart",
  restoring: "Restoring remembered text",
};

export function stoodDown(off) {
  const lines = off.map(({ behaviour, turns, cost_tokens: cost }) =>
    make("p", {}, `${BEHAVIOURS[behaviour] ?? behaviour} cost ${plural(cost, "token")} more than it kept over ${plural(turns, "turn")}.`),
  );
  const later = make("p", { className: "quiet" }, "It is tried again later. docs/slots.md explains what it does.");
  return make("section", { className: "notice" }, make("h3", {}, "Switched off for now"), ...lines, later);
}

export function keyForm({ wrong, use }) {
  const input = make("input", { id: "key", type: "password", autocomplete: "off", required: true });
  const form = make(
    "form",
    { className: "notice teach" },
    make("h3", {}, "This proxy asks for its key"),
    wrong ? make("p", { className: "wrong", role: "alert" }, "That key was not accepted.") : null,
    make("label", { for: "key" }, "API key (server.api_key)"),
    make("div", { className: "row" }, input, make("button", { type: "submit" }, "Open")),
    make("p", { className: "quiet" }, "It is stored for this tab only, and sent only to this proxy."),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    use(input.value.trim());
  });
  return form;
}
