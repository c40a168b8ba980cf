"""A fault in anything that only helps a request: the reply is whole, there is one line, and it names the fault.

`FAULTS` has a row for everything that is called behind a wall on a request's way. A test reads the source: it
fails if a row is missing, or if something is called there that is neither behind a wall nor the relay itself.
"""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import RunningProxy, Settings, running_proxy, until
from tests.fakes.scripted import Script
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    json_response,
    stream_response,
    timings,
)
from tests.fakes.several import Healthy, site
from tests.server.test_plain_faults import PLAIN_FAULTS
from tests.server.walls import LISTENERS, WAY, calls_of
from warmprefix.capture.writer import Capture
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.explain.hint import Able
from warmprefix.core.rules.base import Rule
from warmprefix.core.turn import Turn
from warmprefix.core.types import Reply, Risk
from warmprefix.counters import REASONS
from warmprefix.pipeline.listeners import TurnListener
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Ended, Outgoing, Question, ended_of
from warmprefix.slots.seatings import Seatings
from warmprefix.tasks import Tasks
from warmprefix.telemetry.attributes import Call
from warmprefix.telemetry.listener import Telemetry

CHAT = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
FIRST = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}]
SECOND = [*FIRST, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "And?"}]
TELEMETRY = "warmprefix.telemetry.listener"
WHOLE, STREAM = "whole", "stream"


class Injected(Exception):
    """The fault."""


class Nowhere:
    """Takes what telemetry delivers."""

    def outgoing(self, came: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def turn(self, turn: Turn, call: Call) -> None:
        """Kept nowhere."""

    def close(self) -> None:
        """Nothing waits."""


@pytest.fixture(autouse=True)
def telemetry_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a collector was named."""
    monkeypatch.setattr("warmprefix.server.app.open_telemetry", lambda *_: Telemetry(Nowhere()))


def boom(*_: object, **__: object) -> None:
    """What takes the place of a helper."""
    raise Injected


def fails_to_explain(
    tasks: Tasks, work: Coroutine[object, object, None], name: str
) -> "asyncio.Task[None]":
    """`Tasks.start`, for everything but the explanation of a turn: the relay itself starts one."""
    if name == "explain":
        raise Injected
    return START(tasks, work, name)


def fails_with_a_reply(outgoing: Outgoing, reply: Reply, *others: Any, **named: Any) -> Ended:
    """`ended_of`, unless it is asked for what can be said without the reply."""
    if reply != Reply():
        raise Injected
    return ended_of(outgoing, reply, *others, **named)


def fails_when_asked(
    recorder: Recorder, question: Question, evidence: Evidence, *able: Able
) -> CacheBreak | None:
    """`Recorder.explain`, unless the backend was not asked yet."""
    if evidence is not question.evidence:
        raise Injected
    return EXPLAIN(recorder, question, evidence, *able)


async def gather_restarted(_: object, question: Question) -> Evidence:
    """`gather`, of a backend that has started anew."""
    return replace(question.evidence, restarted=True)


START, EXPLAIN = Tasks.start, Recorder.explain


@dataclass(frozen=True)
class Fault:
    """`name`: as the source calls it; `place`: what is replaced; `reason`: under which it is counted.

    `modes`: those in which it is called at all. `is_logged`: false if what fails is the log itself.
    `loses_cache`: the backend has forgotten the conversation, so it is asked about the turn; `restarts`: it
    says then that it has started anew; `moves`: the first of two backends is down; `observes`: the proxy
    changes nothing; `backend`: its settings; `others`: those of other sections; `before`: what else fails with
    it, as it is called by another wall first.
    """

    name: str
    place: str
    reason: str
    fault: Callable[..., object] = boom
    modes: tuple[str, ...] = (WHOLE, STREAM)
    is_logged: bool = True
    loses_cache: bool = False
    restarts: bool = False
    moves: bool = False
    observes: bool = False
    before: tuple[str, ...] = ()
    backend: Mapping[str, object] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


FAULTS = [
    # before the request is sent
    Fault("pipeline.identify", "warmprefix.pipeline.prepare.Pipeline.identify", "prepare"),
    Fault(
        "dialect.parse",
        "warmprefix.dialects.chat_completions.dialect.ChatCompletions.parse",
        "prepare",
    ),
    Fault("rules.of", "warmprefix.pipeline.rulesets.RuleSets.of", "prepare"),
    Fault("scope_key", "warmprefix.pipeline.prepare.scope_key", "prepare"),
    Fault("profile_of", "warmprefix.pipeline.prepare.profile_of", "prepare"),
    Fault("canonicalizer.run", "warmprefix.core.canonical.Canonicalizer.run", "prepare"),
    Fault("store.find", "warmprefix.stores.memory.MemoryStore.find", "store"),
    Fault("placer.place", "warmprefix.pipeline.placing.Placer.place", "prepare"),
    Fault("recent.get", "warmprefix.pipeline.recent.Recent.get", "prepare"),
    Fault("backends.choose", "warmprefix.server.backends.Backends.choose", "routing"),
    Fault("known.kind", "warmprefix.backends.known.KnownBackend.kind", "backend-facts"),
    Fault("pipeline.write", "warmprefix.pipeline.prepare.Pipeline.write", "prepare"),
    Fault("aside.of", "warmprefix.aside.Aside.of", "prepare"),
    Fault(
        "pipeline.name_session",
        "warmprefix.pipeline.prepare.Pipeline.name_session",
        "prepare",
        backend={"session_header": "X-Session-Id"},
    ),
    Fault("restore", "warmprefix.pipeline.prepare.restore", "prepare"),
    Fault(
        "dialect.render",
        "warmprefix.dialects.chat_completions.dialect.ChatCompletions.render",
        "prepare",
    ),
    Fault("kind.headers", "warmprefix.backends.base.Kind.headers", "backend-facts"),
    Fault("pause.end", "warmprefix.slots.pause.Pause._stop", "prewarm"),
    Fault("openings.alike", "warmprefix.slots.openings.Openings.alike", "slot"),
    Fault("seating.take", "warmprefix.slots.seating.Seating.take", "slot"),
    Fault("seatings.take", "warmprefix.slots.seatings.Seatings.take", "slot"),
    Fault("table.take", "warmprefix.slots.table.SlotTable.take", "slot"),
    Fault("seatings.may_restore", "warmprefix.slots.seatings.Seatings.may_restore", "prepare"),
    Fault("needs_folding", "warmprefix.backends.known.needs_folding", "backend-facts"),
    Fault(
        "known.template_of", "warmprefix.backends.known.KnownBackend.template_of", "backend-facts"
    ),
    Fault("known.outgoing", "warmprefix.backends.known.KnownBackend.outgoing", "backend-facts"),
    Fault("stand_down.may", "warmprefix.core.slots.stand_down.StandDown.may", "prepare"),
    # the first backend cannot be reached
    Fault("backends.lost", "warmprefix.server.backends.Backends.lost", "routing", moves=True),
    Fault(
        "known.lost",
        "warmprefix.backends.known.KnownBackend.lost",
        "backend-facts",
        moves=True,
        before=("routing",),
    ),
    Fault("seating.give_back", "warmprefix.slots.seating.Seating.give_back", "slot", moves=True),
    Fault("seatings.give_back", "warmprefix.slots.seatings.Seatings.give_back", "slot", moves=True),
    # while the reply passes
    Fault(
        "dialect.reader",
        "warmprefix.dialects.chat_completions.dialect.ChatCompletions.reader",
        "reader",
    ),
    Fault("reader.feed", "warmprefix.dialects.chat_completions.reply.ChatReader.feed", "reader"),
    Fault(
        "reader.finish", "warmprefix.dialects.chat_completions.reply.ChatReader.finish", "reader"
    ),
    Fault(
        "dialect.reply_ids",
        "warmprefix.dialects.chat_completions.dialect.ChatCompletions.reply_ids",
        "call-ids",
    ),
    Fault(
        "reads.came",
        "warmprefix.server.reading_on.ReadingOn.came",
        "finish-read",
        others={"slots": {"finish_read": True}},
    ),
    Fault("running.begin", "warmprefix.server.running.RunningRequests.begin", "running"),
    Fault(
        "keep_alive.pulse",
        "warmprefix.server.keep_alive.KeepAlive.pulse",
        "keep-alive",
        others={"server": {"keep_alive_s": 60.0}},
    ),
    Fault(
        "edit.piece",
        "warmprefix.dialects.chat_completions.ids.CallIds.piece",
        "call-ids",
        modes=(STREAM,),
    ),
    Fault(
        "edit.end",
        "warmprefix.dialects.chat_completions.ids.CallIds.end",
        "call-ids",
        modes=(STREAM,),
        is_logged=False,  # its last event has passed, so the line is written
    ),
    *(
        Fault(
            name,
            f"warmprefix.dialects.asked_usage.{place}",
            "ask-usage",
            modes=(STREAM,),
            is_logged=name != "edit.end",
            backend={"kind": "vllm", "ask_usage": True},
        )
        for name, place in (
            ("asked.asking", "AskedUsage.asking"),
            ("asked.without", "AskedUsage.without"),
            ("edit.piece", "WithoutUsage.piece"),
            ("edit.end", "WithoutUsage.end"),
        )
    ),
    *(
        Fault(
            name,
            f"warmprefix.dialects.asked_progress.{place}",
            "ask-progress",
            modes=(STREAM,),
            is_logged=name != "edit.end",
            backend={"kind": "llamacpp", "ask_progress": True},
        )
        for name, place in (
            ("asked.asking", "AskedProgress.asking"),
            ("asked.without", "AskedProgress.without"),
            ("edit.piece", "WithoutProgress.piece"),
            ("edit.end", "WithoutProgress.end"),
        )
    ),
    Fault(
        "ids.body",
        "warmprefix.dialects.chat_completions.ids.CallIds.body",
        "call-ids",
        modes=(WHOLE,),
    ),
    # when it has ended
    Fault("end", "warmprefix.server.exchange.Exchange._end", "record", is_logged=False),
    Fault("ended_of", "warmprefix.server.exchange.ended_of", "record", fault=fails_with_a_reply),
    Fault("recorder.ended", "warmprefix.pipeline.remember.Recorder.ended", "record"),
    Fault("common_prefix", "warmprefix.pipeline.remember.common_prefix", "record"),
    Fault("characters", "warmprefix.pipeline.remember.characters", "record"),
    Fault(
        "observer.saving", "warmprefix.pipeline.observe.Observer.saving", "record", observes=True
    ),
    Fault("entry_of", "warmprefix.pipeline.remember.entry_of", "record"),
    Fault("recent.put", "warmprefix.pipeline.recent.Recent.put", "record"),
    Fault("store.put", "warmprefix.stores.memory.MemoryStore.put", "record"),
    Fault("way.end", "warmprefix.server.way.Way.end", "routing"),
    Fault("seatings.ended", "warmprefix.slots.seatings.Seatings.ended", "slot"),
    Fault(
        "kept_reply",
        "warmprefix.slots.seating.kept_reply",
        "slot",
        others={"slots": {"side_wait_s": 5.0}},
    ),
    Fault("seating.ended", "warmprefix.slots.seating.Seating.ended", "slot"),
    Fault("comparing.ended", "warmprefix.slots.compare.Comparing.ended", "compare"),
    Fault("direct.turn", "warmprefix.core.explain.direct.Direct.turn", "compare"),
    Fault("prewarm.ended", "warmprefix.slots.prewarm.Prewarm.ended", "prewarm"),
    Fault("reread.ended", "warmprefix.slots.reread.Reread.ended", "reread"),
    Fault("openings.ended", "warmprefix.slots.openings.Openings.ended", "openings"),
    Fault("facts.ended", "warmprefix.server.parts.Facts.ended", "backend-facts"),
    Fault("known.ended", "warmprefix.backends.known.KnownBackend.ended", "backend-facts"),
    Fault("known.saw_model", "warmprefix.backends.known.KnownBackend.saw_model", "backend-facts"),
    Fault("telemetry.outgoing", f"{TELEMETRY}.Telemetry.outgoing", "telemetry"),
    Fault("telemetry.put_aside", f"{TELEMETRY}.Telemetry.put_aside", "telemetry"),
    Fault("ends.ended", f"{TELEMETRY}.Ends.ended", "telemetry"),
    Fault("listener.saw", f"{TELEMETRY}.Telemetry.saw", "telemetry"),
    Fault("capture.ended", "warmprefix.capture.writer.Capture.ended", "capture"),
    Fault("savings.add", "warmprefix.pipeline.observe.Savings.add", "metrics", observes=True),
    Fault("metrics.saw", "warmprefix.log.metrics.Metrics.saw", "metrics"),
    Fault("rates.directly", "warmprefix.log.rates.Rates.directly", "metrics"),
    Fault("sums.add", "warmprefix.log.sums.Sums.add", "metrics"),
    Fault("records_of", "warmprefix.log.turns.records_of", "log"),
    # a turn about which the backend is asked
    Fault(
        "tasks.start", "warmprefix.tasks.Tasks.start", "explain", fails_to_explain, loses_cache=True
    ),
    Fault("gather", "warmprefix.server.ending.gather", "explain", loses_cache=True),
    Fault(
        "recorder.explain",
        "warmprefix.pipeline.remember.Recorder.explain",
        "explain",
        fails_when_asked,
        loses_cache=True,
    ),
    Fault(
        "recorder.restarted",
        "warmprefix.pipeline.remember.Recorder.restarted",
        "explain",
        loses_cache=True,
        restarts=True,
    ),
    Fault("able", "warmprefix.server.ending.able", "explain", loses_cache=True),
    # the log itself: there is no line to name it in
    Fault("turn_of", "warmprefix.server.ending.turn_of", "log", is_logged=False),
    Fault("turns.add", "warmprefix.log.turns.Turns.add", "log", is_logged=False),
    Fault("turns.reserve", "warmprefix.log.turns.Turns.reserve", "log", is_logged=False),
    Fault("turns.fill", "warmprefix.log.turns.Turns.fill", "log", is_logged=False),
    Fault("log.write", "warmprefix.log.writer.TurnLog.write", "log", is_logged=False),
]

CASES = [
    pytest.param(fault, mode, id=f"{fault.name}-{fault.reason}-{mode}")
    for fault in FAULTS
    for mode in fault.modes
]


def reply_of(mode: str, text: str, cached: int) -> tuple[bytes, Script]:
    """A reply's bytes, and the script that sends them. Its prompt has 1,000 tokens."""
    if mode == STREAM:
        pieces = chat_stream([text], timings=timings(1000 - cached, cached, 8))
        return b"".join(pieces), stream_response(pieces)
    body = dump(chat_reply(text, 1000 - cached, cached))
    return body, json_response(body)


@asynccontextmanager
async def running(
    backend: Healthy,
    folder: Path,
    *,
    moves: bool,
    settings: Mapping[str, Settings],
    observes: bool = False,
) -> AsyncIterator[RunningProxy]:
    """A proxy with all that is on by default, and a capture; `moves`: its first backend has just died;
    `observes`: it changes nothing."""
    if moves:
        async with site({"a": Healthy(), "b": backend}) as where:
            await (
                where.proxy.app.backends.check()
            )  # the first one would notice it before the request
            await where.die("a")
            yield where.proxy
    else:
        capture = Capture(folder)
        about, server, slots = (settings.get(name, {}) for name in ("backend", "server", "slots"))
        async with (
            backend,
            running_proxy(
                backend.url,
                observe=observes,
                capture=capture,
                backend=about,
                server=server,
                slots=slots,
            ) as proxy,
        ):
            yield proxy
        capture.close()


async def ask(proxy: RunningProxy, messages: object, mode: str) -> Answer:
    """A chat request; the proxy has done everything for it when this returns."""
    body = {"messages": messages, "tools": [TOOL], "stream": mode == STREAM}
    answer = await exchange(proxy.url, "POST", CHAT, body)
    await until(lambda: not proxy.server.server_state.tasks)
    names = ("explain", "learn slot")
    await until(lambda: not any(task.get_name() in names for task in asyncio.all_tasks()))
    return answer


@pytest.mark.parametrize(("fault", "mode"), CASES)
async def test_a_fault_in_a_helper_reaches_nobody(
    fault: Fault,
    mode: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The second turn of a conversation, with tools, captured; the third one goes well again."""
    expected, script = reply_of(mode, "so", 0 if fault.loses_cache else 999)
    backend = Healthy(reply_of(mode, "hi", 0)[1], script, reply_of(mode, "and", 999)[1])
    settings = {"backend": fault.backend, **fault.others}
    how = {"moves": fault.moves, "observes": fault.observes}
    async with running(backend, tmp_path, settings=settings, **how) as proxy:
        if fault.moves:
            backend.handlers.popleft()
        else:
            await ask(proxy, FIRST, mode)
        with monkeypatch.context() as patch:
            patch.setattr(fault.place, fault.fault)
            if fault.restarts:
                patch.setattr("warmprefix.server.ending.gather", gather_restarted)
            answer = await ask(proxy, SECOND, mode)
        third = await ask(proxy, [*SECOND, {"role": "user", "content": "And?"}], mode)
        counted = dict(proxy.app.turns._counters.fail_open)

    lines = proxy.lines()
    failed = [line["failed_open"] for line in lines]
    before = [] if fault.moves else [None]
    assert (answer.status, answer.body, answer.complete) == (200, expected, True)
    assert third.status == 200
    assert counted[fault.reason] >= 1
    assert "tests/server/test_faults.py" in caplog.text
    assert len(backend.requests) == len(before) + 2
    if fault.is_logged:
        assert failed == [*before, [*fault.before, fault.reason], None]
    else:
        assert failed[: len(before) + 1] in (before, [*before, None])


ERROR_FAULTS = {
    "dialect.backend_error": "warmprefix.dialects.messages.dialect.Messages.backend_error",
    "reword": "warmprefix.dialects.messages.dialect.prompt_too_long",
}
"""What is called while an error passes: by the name in the source, what is replaced."""


@pytest.mark.parametrize("place", ERROR_FAULTS.values(), ids=ERROR_FAULTS)
async def test_an_error_that_cannot_be_put_into_other_words_goes_on_as_it_came(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error = dump({"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}})
    monkeypatch.setattr(place, boom)
    async with (
        Healthy(json_response(error, status=400)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", "/v1/messages", {"messages": FIRST})
        record = await proxy.record()

    assert (answer.status, answer.body, answer.complete) == (400, error, True)
    assert record["failed_open"] == ["error-words"]
    assert "tests/server/test_faults.py" in caplog.text


PAST_FAULTS = {
    "store.past": "warmprefix.stores.memory.MemoryStore.past",
    "last_of": "warmprefix.pipeline.placing.last_of",
}
"""What is called if a history does not go on and its last turn is only in the ledger."""


@pytest.mark.parametrize("place", PAST_FAULTS.values(), ids=PAST_FAULTS)
async def test_a_last_turn_that_cannot_be_read_back_costs_no_request(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = [reply_of(WHOLE, text, 0) for text in ("hi", "so")]
    edited = [{"role": "system", "content": "Be long."}, *SECOND[1:]]
    async with (
        Healthy(*(script for _, script in replies)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await ask(proxy, FIRST, WHOLE)
        for conversation in list(proxy.app._recent._last):
            proxy.app._recent.drop(conversation)
        monkeypatch.setattr(place, boom)
        answer = await ask(proxy, edited, WHOLE)

    assert (answer.status, answer.body) == (200, replies[1][0])
    assert backend.requests[1].json()["messages"] == edited
    assert [line["failed_open"] for line in proxy.lines()] == [None, ["store"]]


async def test_a_rule_that_raises_is_named_and_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Rule("key-order", Risk.LOSSLESS, boom, why="", source="")  # type: ignore[arg-type]  # raises
    monkeypatch.setattr("warmprefix.pipeline.rulesets.choose_rules", lambda *_: (broken,))
    body, script = reply_of(WHOLE, "hi", 0)
    async with Healthy(script) as backend, running_proxy(backend.url) as proxy:
        answer = await ask(proxy, FIRST, WHOLE)
        record = await proxy.record()

    assert answer.body == body
    assert backend.requests[0].json()["messages"] == FIRST
    assert record["failed_open"] == ["rule key-order"]
    assert "tests/server/test_faults.py" in caplog.text


def test_everything_behind_a_wall_on_the_way_has_a_row() -> None:
    modules = (*WAY, *LISTENERS, "pipeline/placing", "pipeline/prepare", "pipeline/remember")
    walled = {name for module in modules for name in calls_of(module).walled}

    rows = {fault.name for fault in FAULTS} | {*ERROR_FAULTS, *PLAIN_FAULTS, *PAST_FAULTS}
    missing = walled - rows - BESIDE - set(dir(builtins))
    assert {name for name in missing if name[0] != "_"} == set()


async def test_every_listener_has_a_row(tmp_path: Path) -> None:
    rows = {(fault.place, fault.reason) for fault in FAULTS}
    async with running(Healthy(), tmp_path, moves=False, settings={}) as proxy:
        parts = proxy.app.backends.first().parts

        assert isinstance(parts.seatings, Seatings)
        own = parts.seatings.of(None)

    told: list[TurnListener] = [*parts.endings, own.seating, own.comparing, *own.ahead]
    assert {(place_of(listener), listener.reason) for listener in told} <= rows
    assert {fault.reason for fault in FAULTS} | {"error-words"} <= REASONS


def place_of(listener: TurnListener) -> str:
    return f"{type(listener).__module__}.{type(listener).__name__}.ended"


def test_nothing_else_is_called_on_the_way_than_the_relay_itself() -> None:
    bare = {name for module in WAY for name in calls_of(module).bare}

    unknown = bare - RELAY - set(dir(builtins))
    assert {name for name in unknown if name[0] != "_" and not name[0].isupper()} == set()


BESIDE = frozenset({
    "counters.failed_open", "replace", "run", "work.close", "Server", "Patch", "Traits", "Understood",
    "known.of", "seatings.of", "patch.get", "headers.get",  # look a name up
    "relay.reply",  # has a wall of its own
    "seating.judge",  # adds a number
    "seatings.owns",  # compares two times
    "listener.ended", "found.update", "patch.update",  # each listener has a row
    "call_ended",  # calls them
})  # fmt: skip
"""Called behind a wall, and no helpers."""

RELAY = frozenset({
    "announced.isdigit", "incoming.pieces", "pieces.pop", "has_left",
    "running.end", "has_spoken.is_set", "heard", "read",
    "reads.joined", "reads.finish", "reading_on.came", "partial", "asyncio.Event",
    "pulse.beside", "tail.endswith", "backend_error_event", "dialect.error_event",
    "incoming.read", "request_headers", "header", "target_of", "while_connected", "connections.open",
    "response.pieces", "response.close", "send_head", "send_piece", "send_end", "answer_problem",
    "send_untouched", "answer_backend_error", "outcome_of", "pieces.append", "tried.append", "key.lower",
    "name.decode", "edits.items", "edits.pop",
    "value.decode", "time.time", "time.perf_counter", "dataclass", "replace", "guard", "failed", "as_it_came",
    "ended_of",
    "answering", "given.get",
    # modules of the way itself
    "exchange.run", "exchange.record", "way.write", "way.leads_on", "way.lost", "pause.end",
    "backends.arrived", "call_ended", "relay.run", "done", "send", "end_to_end",
    "headers.append",
    "end_turn", "bare_record_of",
    # lists and queues of the log
    "deque", "kept.append", "waiting.append", "waiting.popleft", "watchers.add", "watchers.discard",
    "queue.get", "queue.get_nowait", "queue.put_nowait", "queue.qsize", "asyncio.Queue",
})  # fmt: skip
"""What a request cannot do without, and what cannot fail."""
