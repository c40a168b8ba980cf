"""The requests of a client of another endpoint that plays a script, and their replies, without its sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.sessions.agent import AgentClient, Sent
from bench.sessions.evaluation import Evaluated
from bench.sessions.native_wire import native_reply
from bench.sessions.noises import Noise
from bench.sessions.script import Json, Script

_COUNTS = {"input_tokens": 1, "cache_read_input_tokens": 0, "input_tokens_details": {}}


class Asked(NamedTuple):
    """A request, and the body of its reply."""

    path: str
    body: Json
    headers: Mapping[str, str]
    reply: bytes


class _NoModel:
    def expect(self, label: str, message: Json) -> None:
        del label, message


@dataclass(slots=True)
class _Recorded(AgentClient):
    asked: list[Asked] = field(default_factory=list)

    def _send(self, sent: Sent, label: str, message: Json) -> Json:
        del label
        wire, number = self.agent.wire, len(self.asked)
        answer = {"id": f"resp_{number}", "type": "message", "model": "m", "usage": _COUNTS}
        evaluated = Evaluated(None, "", 0, 1, answer)
        whole, stream = (
            native_reply(wire.path, message, evaluated, 1, is_stream=is_stream)
            for is_stream in (False, True)
        )
        self.asked.append(Asked(wire.path, wire.body(sent), wire.headers(sent), whole.body))
        return wire.message(stream)


def requests_of(noise: Noise, script: Script) -> list[Asked]:
    """All of them, in order."""
    assert noise.agent is not None
    client = _Recorded(["http://127.0.0.1:9"], _NoModel(), script, noise.agent, reasoning=True)
    client.play()
    return client.asked
