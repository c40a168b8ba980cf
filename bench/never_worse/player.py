"""Plays a plan against an address, as its clients would, and records what the server counted."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.never_worse.mouth import TOLD
from bench.never_worse.noise import noisy
from bench.never_worse.plan import Ask, Fork, Json, Nap, Other, Pause, Plan, Restart, Step
from bench.never_worse.settings import FAMILIES

_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Count:
    """One request: what the server evaluated of its prompt, and when its first byte came."""

    step: int
    what: str
    prompt_tokens: int
    processed_tokens: int
    first_byte_s: float


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
        self._histories = {name: list(first) for name, first in plan.systems.items()}

    def play(self) -> list[Count]:
        """All steps in order."""
        for number, step in enumerate(self._plan.steps):
            self._do(number, step)
        return self.counts

    def play_at_once(self, most: int) -> list[Count]:
        """The steps of different clients at the same time, `most` at once; without pauses, restarts and
        naps."""
        turns = threading.Semaphore(most)
        lanes: dict[str, list[tuple[int, Step]]] = {}
        for number, step in enumerate(self._plan.steps):
            if isinstance(step, Ask | Fork | Other):
                lanes.setdefault(step.who.partition(".")[0], []).append((number, step))
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._lane, args=(steps, turns, failures))
            for steps in lanes.values()
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
        turns: threading.Semaphore,
        failures: list[BaseException],
    ) -> None:
        try:
            for number, step in steps:
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
        draft = noisy([*base, *new], tools, step.noises if base else (), number)
        body = {"messages": list(draft.messages), "temperature": 0, "max_tokens": 8, **options}
        if draft.tools:
            body["tools"] = list(draft.tools)
        if self._forced:
            body |= self._forcing(step.reply, calls=bool(draft.tools))
        answer, first = self._post("/v1/chat/completions", body, step.headers)
        prompt, processed = counted(answer)
        label = step.who if step.kept else f"{step.who} task"
        self.counts.append(Count(number, label, prompt, processed, first))
        if step.kept:
            said = answer["choices"][0]["message"]
            claimed = not self._forced and "tool_calls" in step.reply
            history += [*new, {"role": "assistant", **step.reply} if claimed else said]

    def _forcing(self, reply: Json, *, calls: bool) -> Json:
        """Members of a body that make the model say this."""
        family = FAMILIES[self._plan.template]
        if not family.reasoning:
            reply = {name: reply[name] for name in reply if name != "reasoning_content"}
        grammar = f"root ::= {json.dumps(family.generated(reply))}"
        return {"grammar": grammar, "max_tokens": 900, **({TOLD: reply} if calls else {})}

    def _post(self, path: str, body: Json, headers: dict[str, str]) -> tuple[Json, float]:
        """The answer, put together if it was a stream, and the seconds up to its first byte.

        A request that fails is made once more, as clients do.
        """
        try:
            return self._post_once(path, body, headers)
        except (Failed, OSError, http.client.HTTPException):
            self.failures += 1
            return self._post_once(path, body, headers)

    def _post_once(self, path: str, body: Json, headers: dict[str, str]) -> tuple[Json, float]:
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
        return (joined(data) if body.get("stream") else json.loads(data)), first


def joined(data: bytes) -> Json:
    """The whole reply of a streamed chat completion."""
    message: Json = {"role": "assistant", "content": ""}
    last: Json = {}
    for line in data.splitlines():
        if not line.startswith(b"data: ") or line == b"data: [DONE]":
            continue
        last = {**last, **json.loads(line[6:])}
        for choice in last["choices"]:
            for key in ("content", "reasoning_content"):
                if choice["delta"].get(key):
                    message[key] = message.get(key, "") + choice["delta"][key]
    return {**last, "choices": [{"message": message}]}


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
