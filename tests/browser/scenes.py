"""Sessions that a page is looked at with: real requests through a real proxy, scripted replies."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, RunningProxy
from tests.fakes.scripted import Script
from tests.fakes.scripted_replies import chat_reply, json_response

CHAT = "/v1/chat/completions"
MODEL = "/models/Qwen3-4B-Instruct-Q4_K_M.gguf"
HERMES = ("You are Hermes, a careful agent.\nConversation started: {clock}\n"
          "You work in a shell and answer briefly.")  # fmt: skip
OPENCODE = [("User-Agent", "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14")]
TITLE = {
    "messages": [
        {"role": "system", "content": "You are a title generator. You output ONLY a thread title."},
        {"role": "user", "content": "Generate a title for this conversation: a red build"},
    ]
}


def counted(text: str, processed: int, cached: int) -> Script:
    """A reply with the backend's counts."""
    return json_response(chat_reply(text, processed, cached, model=MODEL))


@dataclass
class Talk:
    """A conversation as its client holds it."""

    proxy: RunningProxy
    backend: Backend
    system: str = "You are helpful."
    headers: Iterable[tuple[str, str]] = ()
    messages: list[Json] = field(default_factory=list)

    async def say(self, text: str, processed: int, cached: int, reply: str = "Done.") -> None:
        """One more user message, and what the backend counts for it."""
        self.messages.append({"role": "user", "content": text})
        self.backend.then(counted(reply, processed, cached))
        first = {"role": "system", "content": self.system}
        await ask(self.proxy, {"messages": [first, *self.messages]}, self.headers)
        self.messages.append({"role": "assistant", "content": reply})


async def ask(proxy: RunningProxy, body: Json, headers: Iterable[tuple[str, str]] = ()) -> None:
    """One request that is not looked at."""
    await exchange(proxy.url, "POST", CHAT, {"model": "m", **body}, list(headers))


async def side_request(proxy: RunningProxy, backend: Backend) -> None:
    """A client asks for a title."""
    backend.then(counted("A red build", 212, 0))
    await ask(proxy, TITLE, OPENCODE)


async def broken_talk(proxy: RunningProxy, backend: Backend) -> Talk:
    """Three turns; the clock in the system text moves before the third."""
    talk = Talk(proxy, backend, HERMES.format(clock="Monday, June 01, 2026 12:04 PM"))
    await talk.say("List the files.", 8200, 0)
    await talk.say("Read the longest.", 140, 8207)
    talk.system = HERMES.format(clock="Monday, June 01, 2026 12:05 PM")
    await talk.say("What does it say?", 8430, 11)
    return talk


async def mended_talk(proxy: RunningProxy, backend: Backend) -> Talk:
    """Before its last question the client gives the first reply back with blanks, in front of a long text: the
    proxy puts the model's own bytes back, so that the text is not read again."""
    talk = Talk(proxy, backend, "You keep a library.", [("User-Agent", "pi-coding-agent/0.9")])
    await talk.say("Which book?", 40, 0, "The red one.")
    await talk.say("Here is all of it: " + "once upon a time " * 700, 2990, 60)
    talk.messages[1]["content"] = " The red one.\n"
    await talk.say("Who is it about?", 12, 3055)
    return talk


async def busy_day(proxy: RunningProxy, backend: Backend) -> None:
    """Several clients, a break, side requests, a failure, a reply without counts."""
    await broken_talk(proxy, backend)
    agent = Talk(proxy, backend, "You are opencode, an agent.", OPENCODE)
    held = 0
    for number in range(14):
        processed = 11240 if number == 0 else 380 + 97 * (number % 4)
        await agent.say(f"Step {number}: go on.", processed, held)
        held += processed + 7
        if number in (0, 5):
            await side_request(proxy, backend)
    await agent.say("And now?", held - 900, 1200)  # the backend had lost most of it
    backend.then(json_response({"error": {"message": "out of memory"}}, 503))
    await ask(proxy, {"messages": [{"role": "user", "content": "Are you there?"}]})
    silent = chat_reply("hi", 5, 0)
    del silent["timings"], silent["usage"]
    backend.then(json_response(silent))
    await ask(proxy, {"messages": [{"role": "user", "content": "Say nothing of it."}]})
    small = Talk(
        proxy, backend, "You answer in one word.", [("User-Agent", "OpenAI/Python 2.24.0")]
    )
    await small.say("Two and two?", 41, 0)
    await small.say("And three?", 22, 48)
