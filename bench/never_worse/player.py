"""Plays a plan against an address, as its clients would, and records what the server counted."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from bench.never_worse.mouth import TEXT, TOLD
from bench.never_worse.native import Request, read, request
from bench.never_worse.noise import noisy
from bench.never_worse.plan import Ask, Fork, Json, Nap, Native, Other, Pause, Plan, Restart, Step
from bench.never_worse.settings import FAMILIES
from bench.sessions.changes import Draft

_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Count:
    """One request: what the server evaluated of its prompt, in which time, and when its first byte came."""

    step: int
    what: str
    prompt_tokens: int
    processed_tokens: int
    first_byte_s: float
    reading_s: float = 0.0


class Failed(RuntimeError):
    """A request of a plan was not answered with 200."""


class Player:
    """`restart`, `nap`: called for these steps. `forced`: a grammar makes the replies those of the plan."""

    def __init__(
        self,
        url: str,
        plan: Plan,
        restart: Callable[[], None],
        nap: Callable[[], None],
        *,
        forced: bool = True,
    ) -> None:
        self.counts: list[Count] = []
        self.failures = 0
        self._plan = plan
        self._address = urlsplit(url).netloc
        self._restart, self._nap, self._forced = restart, nap, forced
        self._ids: dict[str, str] = {}
        self._histories = {name: list(first) for name, first in plan.systems.items()}

    def play(self) -> list[Count]:
        """All steps in order."""
        for number, step in enumerate(self._plan.steps):
            self._do(number, step)
        return self.counts

    def play_at_once(self, most: int, rest_s: float = 0.0) -> list[Count]:
        """The steps of different clients at the same time, `most` at once; without pauses, restarts and naps.
        Before each of its steps a client rests for up to `rest_s` seconds: how long is the plan's."""
        turns = threading.Semaphore(most)
        lanes: dict[str, list[tuple[int, Step]]] = {}
        for number, step in enumerate(self._plan.steps):
            if isinstance(step, Ask | Fork | Other):
                lanes.setdefault(step.who.partition(".")[0], []).append((number, step))
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._lane, args=(steps, rests, turns, failures))
            for steps, rests in (
                (steps, rests_of(self._plan, steps, rest_s)) for steps in lanes.values()
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return self.counts

    def _lane(
        self,
        steps: list[tuple[int, Step]],
        rests: list[float],
        turns: threading.Semaphore,
        failures: list[BaseException],
    ) -> None:
        try:
            for (number, step), rest_s in zip(steps, rests, strict=True):
                time.sleep(rest_s)
                with turns:
                    self._do(number, step)
        except BaseException as failure:  # raised again by the thread that waits
            failures.append(failure)

    def _do(self, number: int, step: Step) -> None:
        match step:
            case Ask():
                self._ask(number, step)
            case Fork():
                history = self._histories[step.who]
                self._histories[step.into] = history[: len(history) - step.drop]
            case Other():
                answer, first = self._post(step.path, step.body, {})
                prompt, processed = counted(answer)
                self.counts.append(Count(number, step.path, prompt, processed, first))
            case Pause():
                time.sleep(step.seconds)
            case Restart():
                self._restart()
            case Nap():
                self._nap()

    def _ask(self, number: int, step: Ask) -> None:
        history = self._histories[step.who]
        if step.drop:
            del history[len(history) - step.drop :]
        told = "\n".join(
            f"{m['role'].upper()}: {m['content']}" for m in history[-6:] if m["role"] != "system"
        )
        new = [{**m, "content": m["content"].replace("{history}", told)} for m in step.new]
        opening = self._plan.systems[step.who.partition(".")[0]]
        base = {"history": history, "system": list(opening), "nothing": []}[step.base]
        options = dict(step.options)
        tools = options.pop("tools", [])
        new = [self._answering(message) for message in new]
        draft = noisy([*base, *new], tools, step.noises if base else (), number)
        if step.native is None:
            made = Request("/v1/chat/completions", step.headers, _chat_body(draft, options))
        else:
            aside = step.base == "nothing"
            made = request(step.native, draft.messages, draft.tools, options, aside=aside)
        if self._forced:
            reply = self._said(step.reply)
            made.body.update(self._forcing(reply, step, calls=bool(draft.tools)))
        answer, first = self._post(made.path, made.body, made.headers, step.native)
        prompt, processed = counted(answer)
        label = step.who if step.kept else f"{step.who} task"
        reading_s = answer.get("timings", {}).get("prompt_ms", 0.0) / 1000
        self.counts.append(Count(number, label, prompt, processed, first, reading_s))
        if step.kept:
            said = answer["choices"][0]["message"]
            claimed = not self._forced and "tool_calls" in step.reply
            history += [*new, {"role": "assistant", **step.reply} if claimed else said]
            planned = zip(
                step.reply.get("tool_calls", ()), said.get("tool_calls", ()), strict=False
            )
            self._ids |= {ours["id"]: theirs["id"] for ours, theirs in planned}

    def _answering(self, message: Json) -> Json:
        """A result with the id that the server gave the call."""
        given = message.get("tool_call_id")
        return (
            message if given is None else {**message, "tool_call_id": self._ids.get(given, given)}
        )

    def _said(self, reply: Json) -> Json:
        """The reply as a model of this template says it."""
        if FAMILIES[self._plan.template].reasoning:
            return reply
        return {name: reply[name] for name in reply if name != "reasoning_content"}

    def _forcing(self, reply: Json, step: Ask, *, calls: bool) -> Json:
        """Members of a body that make the model say this."""
        text = FAMILIES[self._plan.template].generated(reply)
        if step.native is not None:
            return {TOLD: reply, TEXT: text}
        grammar = f"root ::= {json.dumps(text)}"
        return {"grammar": grammar, "max_tokens": 900, **({TOLD: reply} if calls else {})}

    def _post(
        self, path: str, body: Json, headers: Mapping[str, str], native: Native | None = None
    ) -> tuple[Json, float]:
        """The answer, put together if it was a stream, and the seconds up to its first byte.

        A request that fails is made once more, as clients do.
        """
        try:
            return self._post_once(path, body, headers, native)
        except (Failed, OSError, http.client.HTTPException):
            self.failures += 1
            return self._post_once(path, body, headers, native)

    def _post_once(
        self, path: str, body: Json, headers: Mapping[str, str], native: Native | None
    ) -> tuple[Json, float]:
        connection = http.client.HTTPConnection(self._address, timeout=_LIMIT_S)
        began = time.perf_counter()
        try:
            connection.request(
                "POST", path, json.dumps(body), {"Content-Type": "application/json", **headers}
            )
            response = connection.getresponse()
            head = response.read(1)
            first = time.perf_counter() - began
            data = head + response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise Failed(f"{path}: {response.status} {data[:300]!r}")
        if native is not None:
            return read(native, data), first
        return (joined(data) if body.get("stream") else json.loads(data)), first


def _chat_body(draft: Draft, options: Json) -> Json:
    body = {"messages": list(draft.messages), "temperature": 0, "max_tokens": 8, **options}
    return {**body, "tools": list(draft.tools)} if draft.tools else body


def joined(data: bytes) -> Json:
    """The whole reply of a streamed chat completion. Each event is read once: what a client takes for that
    delays others on the same core."""
    events = [orjson.loads(line[6:]) for line in data.splitlines() if line.startswith(b"data: {")]
    message: Json = {"role": "assistant", "content": ""}
    for event in events:
        for choice in event["choices"]:
            for key in ("content", "reasoning_content"):
                if choice["delta"].get(key):
                    message[key] = message.get(key, "") + choice["delta"][key]
    last = {name: value for event in events for name, value in event.items()}
    return {**last, "choices": [{"message": message}]}


def rests_of(plan: Plan, steps: list[tuple[int, Step]], rest_s: float) -> list[float]:
    """How long a client rests before each of its steps; the same in each play of the plan."""
    return [random.Random(f"{plan.seed} {number}").uniform(0, rest_s) for number, _ in steps]


def counted(answer: Json) -> tuple[int, int]:
    """Tokens of the prompt, and how many of them the server evaluated, by its own counts."""
    if "timings" in answer:
        timings = answer["timings"]
        return timings["cache_n"] + timings["prompt_n"], timings["prompt_n"]
    usage = answer["usage"]
    if "cache_read_input_tokens" in usage:
        return usage["cache_read_input_tokens"] + usage["input_tokens"], usage["input_tokens"]
    cached = usage["input_tokens_details"]["cached_tokens"]
    return usage["input_tokens"], usage["input_tokens"] - cached
