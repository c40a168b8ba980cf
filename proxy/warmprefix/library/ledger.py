"""What the proxy does for a conversation, for programs that send their requests themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from warmprefix.dialects.base import read_reply
from warmprefix.library.bodies import DialectName, Json, dialect_named, like, to_bytes
from warmprefix.library.breaks import Break, break_of
from warmprefix.library.settings import config_of
from warmprefix.library.turns import Turns
from warmprefix.pipeline.stages import Written

Body = TypeVar("Body", bound=bytes | Json)

_MAX_BYTES = 64 * 1024 * 1024  # some hundred long conversations


@dataclass(frozen=True, slots=True)
class Prepared(Generic[Body]):
    """A request that may be sent. `body`: what to send, in the form in which it was given; `changes`: the rules
    that acted and what was put back, by name; `conversation`: an id, the same for all turns of one."""

    body: Body
    changes: tuple[str, ...]
    conversation: str | None
    written: Written | None = field(repr=False)


class Ledger:
    """Remembers what was sent and what was generated, and puts it back.

    In memory, and gone with the object. It may be used from one thread at a time, inside an event loop or
    without one: no call waits.

    >>> ledger = Ledger()
    >>> first = ledger.prepare({"messages": [{"role": "user", "content": "Add 1 and 2."}]})
    >>> call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"b": 2, "a": 1}'}}
    >>> said = {"role": "assistant", "content": "", "tool_calls": [call]}
    >>> ledger.remember(first, {"choices": [{"message": said, "finish_reason": "tool_calls"}]})
    >>> respelled = {**call, "function": {"name": "add", "arguments": '{"a":1,"b":2}'}}
    >>> second = ledger.prepare({"messages": [
    ...     {"role": "user", "content": "Add 1 and 2."},
    ...     {"role": "assistant", "content": "", "tool_calls": [respelled]},
    ...     {"role": "tool", "tool_call_id": "c1", "content": "3"},
    ... ]})
    >>> second.body["messages"][1]["tool_calls"][0]["function"]["arguments"]
    '{"b": 2, "a": 1}'
    """

    def __init__(
        self,
        *,
        dialect: DialectName = "chat_completions",
        enable: Sequence[str] = (),
        disable: Sequence[str] = (),
        restores_reasoning: bool = False,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        """`enable`, `disable`: rules by name (docs/rules.md). `restores_reasoning`: put back reasoning that the
        client drops, which pays only if the chat template prints it. `max_bytes`: the oldest conversations
        leave if more is remembered.

        Raises ValueError for an unknown name.
        """
        self._dialect = dialect_named(dialect)
        config = config_of(enable, disable, reasoning=restores_reasoning)
        self._turns = Turns(config, max_bytes)

    @overload
    def prepare(self, body: bytes, headers: Mapping[str, str] | None = ...) -> Prepared[bytes]: ...
    @overload
    def prepare(
        self, body: Mapping[str, Any], headers: Mapping[str, str] | None = ...
    ) -> Prepared[Json]: ...
    def prepare(
        self, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Prepared[Any]:
        """What to send for a request. If nothing has to be changed, its body is the one that was given.

        `headers`: those that the request came with. They say which client, session and user it is from: what is
        remembered under one `Authorization` is never put into a request with another.

        Raises NotUnderstood if the body is no request of the ledger's dialect, and TypeError if it is neither
        bytes nor a dict.
        """
        before = to_bytes(body)
        written = self._turns.prepare(self._dialect, before, headers)
        if written is None:
            return Prepared(like(body, before, before), (), None, None)
        changes = (*written.rules, *written.restored)
        after = like(body, before, written.body)
        return Prepared(after, changes, written.place.conversation, written)

    def remember(self, prepared: Prepared[Any], reply: bytes | Mapping[str, Any]) -> Break | None:
        """Remember a request that was answered; say so once, before the next one of its conversation.

        `reply`: the backend's, a whole JSON object or an event stream (as bytes). Returns where the prompt left
        the one before, if it did; None also for the first turn. If the reply has the backend's counts and they
        show that nothing was evaluated again, there is no break.

        Raises TypeError if the reply is neither bytes nor a dict.
        """
        data = to_bytes(reply)
        if prepared.written is None:
            return None
        found = self._turns.remember(prepared.written, read_reply(self._dialect, data))
        return None if found is None else break_of(found)
