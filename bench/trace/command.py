"""`python -m bench trace`: one streamed turn with a tool call, from its arrival to the end of its log line.

The real application under the real web server, in this process, with its ledger in memory; the backend is
scripted, and describes itself as a llama-server with four slots. Another conversation goes through first, so
that nothing is made for the first time.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

import warmprefix
from bench.path.mock import OTHER, pages
from bench.path.report import Goal, exit_code, goal_lines, markdown
from bench.trace.moves import Call, Trace, by_file, movers, sums
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, config_for
from tests.fakes.scripted import Step
from tests.fakes.scripted_http import Connection, Request
from tests.fakes.scripted_replies import chat_stream, stream_response, timings, tool_call_deltas

HELP = "the files that one turn goes through, and how often it moves from one to another"
MOST_MOVES = 250
MOST_FILES = 45
_PATH = "/v1/chat/completions"
_SHOWN = 30


def command(arguments: Sequence[str]) -> int:
    """Trace and print; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench trace", description=HELP)
    parser.add_argument("--all", action="store_true", help=f"every mover, not the first {_SHOWN}")
    options = parser.parse_args(arguments)
    calls = asyncio.run(traced())
    shown = None if options.all else _SHOWN
    found = sums(calls)
    print(f"{found.calls:,} calls, {found.files} files, {found.moves} moves.\n")
    rows = [list(map(str, row)) for row in by_file(calls)[:shown]]
    print("\n".join(markdown(["file", "calls", "moves into it", "out of it"], rows)))
    print("\nThe biggest movers:\n")
    rows = [list(map(str, row)) for row in movers(calls)[:shown]]
    print("\n".join(markdown(["from", "to", "times"], rows)))
    reached = goals(calls)
    print("\n".join(["", *goal_lines(reached)]))
    return exit_code(reached)


def goals(calls: Sequence[Call]) -> list[Goal]:
    """The limits for a turn."""
    _, files, moves = sums(calls)
    return [
        Goal(f"at most {MOST_MOVES} moves", str(moves), moves <= MOST_MOVES),
        Goal(f"at most {MOST_FILES} files", str(files), files <= MOST_FILES),
    ]


async def traced() -> list[Call]:
    """The calls of the turn."""
    trace = Trace(Path(warmprefix.__file__).parent, "App.__call__", "TurnLog.write")
    async with _Llama(_reply("a.txt"), _reply("b.txt")) as backend:
        proxy = RunningProxy(config_for(backend.url, {}))
        try:
            await proxy.ready()
            await exchange(proxy.url, "POST", _PATH, _body("Read a.txt please."))
            await proxy.records()
            with trace.recording():
                await exchange(proxy.url, "POST", _PATH, _body("What does b.txt say?"))
            records = await proxy.records()
        finally:
            await proxy.stop()
    found = [(record["outcome"], record["failed_open"]) for record in records]
    assert found == [("ok", None)] * 2, found
    return trace.calls


class _Llama(Backend):
    """Answers the proxy's own questions as the mock of `path` does; they are not recorded."""

    async def _next_request(self, connection: Connection) -> Request | None:
        request = await super(Backend, self)._next_request(connection)
        if request is None or request.header("user-agent") != "warmprefix":
            return request
        page = pages(4).get(request.target.partition("?")[0].encode(), OTHER)
        head, _, body = page.partition(b"\r\n\r\n")
        await connection.send(head + b"\r\nConnection: close\r\n\r\n" + body)
        return None


def _reply(file: str) -> list[Step]:
    call = tool_call_deltas("read", ['{"path":', f'"{file}"}}'])
    events = chat_stream(
        [], late_deltas=call, timings=timings(500, 0, 8), finish_reason="tool_calls"
    )
    return stream_response(events)


def _body(question: str) -> dict[str, object]:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    functions = [
        {"name": name, "description": f"{name} a file", "parameters": schema}
        for name in ("read", "write")
    ]
    return {
        "model": "mock",
        "messages": [
            {"role": "system", "content": "You work on files. Be brief."},
            {"role": "user", "content": question},
        ],
        "tools": [{"type": "function", "function": function} for function in functions],
        "stream": True,
    }
