"""Drops members of messages and tool calls that are not part of the API."""

from dataclasses import replace

from warmprefix.core.rules.base import Rule, message_rule, without
from warmprefix.core.types import Message, Risk, ToolCall
from warmprefix.core.wire.slices import MESSAGE_KEYS, changed

MESSAGE_ALLOWED = frozenset(
    (
        *MESSAGE_KEYS,
        # Part of the API where they carry something; as null they are gone before this rule.
        "refusal",
        "audio",
        "function_call",
        # Ask some servers to continue the last message instead of answering it.
        "prefix",
        "partial",
    )
)
# Reasoning of a message that is no reply is nobody's bookkeeping: what it means is not ours to judge.
_ALLOWED_BESIDE_REPLIES = MESSAGE_ALLOWED | {"reasoning"}
CALL_ALLOWED = frozenset({"id", "type", "function"})
FUNCTION_ALLOWED = frozenset({"name", "arguments"})


def _change(message: Message) -> Message:
    allowed = MESSAGE_ALLOWED if message.role == "assistant" else _ALLOWED_BESIDE_REPLIES
    unknown = frozenset(message.extra) - allowed
    calls = tuple(map(_change_call, message.tool_calls))
    same = all(a is b for a, b in zip(calls, message.tool_calls, strict=True))
    if not unknown and same:
        return message
    extra = {key: raw for key, raw in message.extra.items() if key not in unknown}
    keys = without(message.keys, unknown)
    return changed(message, extra=extra, keys=keys, tool_calls=calls)


def _change_call(call: ToolCall) -> ToolCall:
    unknown = frozenset(call.extra) - CALL_ALLOWED
    inner = frozenset(call.function_extra) - FUNCTION_ALLOWED
    if not unknown and not inner:
        return call
    return replace(
        call,
        extra={key: raw for key, raw in call.extra.items() if key not in unknown},
        keys=without(call.keys, unknown),
        function_extra={key: raw for key, raw in call.function_extra.items() if key not in inner},
        function_keys=without(call.function_keys, inner),
    )


RULE: Rule = message_rule(
    "unknown-fields",
    Risk.LOSSLESS,
    _change,
    why="Bookkeeping of the client (call_id, finish_reason, timestamps, ids) comes and goes with a "
    "session reload; llama-server drops it before the template, other backends may print it.",
    source="llama.cpp common/chat.cpp:380-462; "
    "https://github.com/NousResearch/hermes-agent/pull/4563",
)
