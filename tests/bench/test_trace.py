"""What the trace counts: calls, files, and calls from one file into another."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bench.trace.command import goals, traced
from bench.trace.moves import Call, Trace, by_file, movers, sums

FILES = {
    "inner": """
async def wait(sleep):
    await sleep(0)
    await sleep(0)

def leaf():
    pass
""",
    "outer": """
def begin(inner, through):
    near()
    inner.leaf()
    through(inner.leaf)
    end()

def near():
    pass

def end():
    pass

def late():
    pass

def steps():
    yield 1
    yield 2

def begin_steps():
    any(steps())
    end()

async def begin_waiting(inner, sleep):
    await inner.wait(sleep)
    end()
""",
}


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, ModuleType]:
    """A package of two files."""
    found = {}
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(text)
        spec = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        found[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found[name])
    return found


def through(called: Callable[[], None]) -> None:
    """What a library does with a function that it is given."""
    called()


async def traced_run(trace: Trace, modules: dict[str, ModuleType]) -> None:
    outer, inner = modules["outer"], modules["inner"]
    with trace.recording():
        outer.late()  # before it begins
        outer.begin(inner, through)
        outer.late()  # after it has ended


async def test_calls_and_moves_are_counted_from_beginning_to_end(
    tmp_path: Path, modules: dict[str, ModuleType]
) -> None:
    trace = Trace(tmp_path, "begin", "end")
    await asyncio.get_running_loop().create_task(traced_run(trace, modules), name="Task-1")

    assert trace.calls == [
        Call(None, "outer.py", "begin"),
        Call("outer.py", "outer.py", "near"),
        Call("outer.py", "inner.py", "leaf"),
        Call("outer.py", "inner.py", "leaf"),
        Call("outer.py", "outer.py", "end"),
    ]
    assert sums(trace.calls) == (5, 2, 2)
    assert movers(trace.calls) == [("outer.py", "inner.py leaf", 2)]
    assert by_file(trace.calls) == [("outer.py", 3, 0, 2), ("inner.py", 2, 2, 0)]


async def test_a_coroutine_that_goes_on_is_not_called_again(
    tmp_path: Path, modules: dict[str, ModuleType]
) -> None:
    async def run() -> None:
        with trace.recording():
            await modules["outer"].begin_waiting(modules["inner"], asyncio.sleep)

    trace = Trace(tmp_path, "begin_waiting", "end")
    await asyncio.get_running_loop().create_task(run(), name="Task-1")

    assert [call.function for call in trace.calls] == ["begin_waiting", "wait", "end"]


async def test_a_generator_that_is_not_read_to_its_end_is_called_once(
    tmp_path: Path, modules: dict[str, ModuleType]
) -> None:
    async def run() -> None:
        with trace.recording():
            modules["outer"].begin_steps()

    trace = Trace(tmp_path, "begin_steps", "end")
    await asyncio.get_running_loop().create_task(run(), name="Task-1")

    assert [call.function for call in trace.calls] == ["begin_steps", "steps", "end"]


async def test_what_a_named_task_does_is_left_out(
    tmp_path: Path, modules: dict[str, ModuleType]
) -> None:
    trace = Trace(tmp_path, "begin", "end")
    await asyncio.get_running_loop().create_task(traced_run(trace, modules), name="learn slot")

    assert trace.calls == []


@pytest.mark.skipif(sys.gettrace() is not None, reason="another tracer looks on")
async def test_a_turn_is_traced_to_its_line_in_the_log() -> None:
    calls = await traced()

    functions = [call.function for call in calls]
    assert functions[0] == "App.__call__"
    assert functions.count("TurnLog.write") == 1
    assert functions.index("Recorder.ended") < functions.index("TurnLog.write")


def test_goals_are_met_or_missed() -> None:
    few = [Call("a.py", "b.py", "f")] * 250
    many = [Call("a.py", f"{number}.py", "f") for number in range(251)]

    assert [goal.is_met for goal in goals(few)] == [True, True]
    assert [goal.is_met for goal in goals(many)] == [False, False]
