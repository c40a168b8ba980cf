"""The requests of the load: histories of a given size, as a coding agent sends them."""

import json
from dataclasses import dataclass
from typing import Literal

Mode = Literal["whole", "stream", "paced"]
"""How the reply comes: whole, as events without a gap, or as events with a gap (bench/path/mock.py)."""

_TEXT = "some words of text, a bit of code(); "
_RESULT_SHARE = 0.75  # of the text is in tool results: files and logs are most of a real history


@dataclass(frozen=True, slots=True)
class Size:
    """A history of so many messages whose body has about so many bytes."""

    name: str
    messages: int
    bytes: int


SIZES = {
    size.name: size
    for size in (
        Size("1 KB", 4, 1_000),
        Size("20 KB", 40, 20_000),
        Size("1 MB", 1_000, 1_000_000),
        # As many messages as in 1 MB, each eight times as long: shows the cost of bytes, not of messages.
        Size("8 MB", 1_000, 8_000_000),
    )
}


def body_of(size: Size, mode: Mode) -> bytes:
    """The request. Its length is that of the size, within 2 %."""
    empty = len(_write(size, mode, 0))
    body = _write(size, mode, max(0, size.bytes - empty))
    return _write(size, mode, max(0, 2 * (size.bytes - empty) - (len(body) - empty)))


def history(count: int, characters: int, mark: str = "") -> list[dict[str, object]]:
    """An even number of messages with about so many characters of text: a system text, then loops of a
    question, a call, its result and an answer, and a question at the end. `mark` makes all but the last one
    differ from another history's."""
    loops, pairs = (count - 2) // 4, (count - 2) % 4 // 2
    each = characters / (loops + pairs)
    messages: list[dict[str, object]] = [{"role": "system", "content": f"You help. {mark}"}]
    for number in range(loops):
        call = {"name": "read", "arguments": json.dumps({"path": f"f{mark}{number}", "limit": 5})}
        calls = [{"id": f"c{number}", "type": "function", "function": call}]
        result = mark + _text(each * _RESULT_SHARE)
        rest = _text(each * (1 - _RESULT_SHARE) / 2)
        messages += [
            {"role": "user", "content": f"{mark}{number} {rest}"},
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "tool_call_id": f"c{number}", "content": result},
            {"role": "assistant", "content": f"Done {mark}{number}. {rest}"},
        ]
    for number in range(pairs):
        messages += [
            {"role": "user", "content": f"And {mark}{number}? {_text(each / 2)}"},
            {"role": "assistant", "content": f"Yes {mark}. {_text(each / 2)}"},
        ]
    return [*messages, {"role": "user", "content": "Go."}]


def tools() -> list[dict[str, object]]:
    """Six tools, as an agent offers them with every request: about 2 KB."""
    names = ("read", "write", "search", "run", "fetch", "plan")
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": f"Use it to {name}. {_text(100)}",
                "parameters": {
                    "type": "object",
                    "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}},
                    "required": ["path"],
                },
            },
        }
        for name in names
    ]


def _write(size: Size, mode: Mode, characters: int) -> bytes:
    value: dict[str, object] = {"model": "paced" if mode == "paced" else "mock"}
    if mode != "whole":
        value["stream"] = True
    if size.messages > 4:  # 1 KB has no room for them
        value["tools"] = tools()
    value["messages"] = history(size.messages, characters)
    return json.dumps(value, separators=(",", ":")).encode()


def _text(characters: float) -> str:
    whole = int(characters)
    return (_TEXT * (whole // len(_TEXT) + 1))[:whole]
