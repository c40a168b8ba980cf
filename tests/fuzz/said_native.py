"""What bodies of the Messages and of the Responses API say, read by Python's own parser.

As coarse as said.py, and coarser: where one message ends and the next of the same speaker begins is left out,
since several items are one message here, and one message is read as two there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.fuzz.said import BILLING, BLANKS, arguments, without_marks

Spoken = tuple[str, object]
"""Who says it, and what."""
Reading = Callable[[Any], Iterator[Spoken]]


@dataclass(frozen=True, slots=True)
class Judge:
    """Reads the bodies of one API. `carriers`: the members with the prompt; `head`: that with the
    instructions, `array`: that with the messages."""

    head: str
    array: str
    element: Reading

    def around(self, value: Any) -> dict[str, object]:
        """The members that are no part of the prompt: the proxy changes none of them."""
        carriers = (self.head, self.array, "tools")
        return {name: kept for name, kept in value.items() if name not in carriers}

    def said(self, value: Any) -> tuple[list[str], list[str], list[str]]:
        """Who speaks in turn; what is said, and the tools, in any order."""
        given = value.get(self.array)
        elements = given if isinstance(given, list) else [_user(given)]
        spoken = list(_without_billing([*_head(value.get(self.head)), *self._all(elements)]))
        speakers = [speaker for speaker, _ in spoken]
        turns = [one for at, one in enumerate(speakers) if not at or speakers[at - 1] != one]
        tools = value.get("tools") or []
        return turns, sorted(map(repr, spoken)), sorted(repr(without_marks(one)) for one in tools)

    def _all(self, elements: list[Any]) -> Iterator[Spoken]:
        for element in elements:
            if isinstance(element, dict):
                yield from self.element(element)
            else:
                yield "", element


def _user(text: object) -> dict[str, object]:
    return {"role": "user", "content": text}


def _head(instructions: Any) -> Iterator[Spoken]:
    if isinstance(instructions, str):
        yield "system", ("text", instructions)
    elif isinstance(instructions, list):
        yield from (("system", block) for block in map(_block, instructions) if block is not None)
    elif instructions is not None:
        yield "outside", instructions


def _without_billing(spoken: list[Spoken]) -> Iterator[Spoken]:
    """Texts without blanks, and without those that are empty then. Billing lines in front say nothing."""
    may_bill = True
    for speaker, one in spoken:
        match one:
            case ("text", str(text)):
                found = BILLING.match(text) if may_bill else None
                rest = _text(text[found.end() :] if found else text)
                may_bill = may_bill and not rest
                if rest:
                    yield speaker, ("text", rest)
            case _:
                yield speaker, one


def _text(text: str) -> str:
    return BLANKS.sub("", text)


def _pieces(content: Any) -> list[object]:
    """Texts with their blanks, everything else as it is."""
    if isinstance(content, str):
        return [("text", content)]
    return [_piece(part) for part in content] if isinstance(content, list) else [content]


def _piece(part: Any) -> object:
    match part:
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return ("text", text)
        case _:
            return without_marks(part)


def _shown(content: Any) -> list[object]:
    """The same without blanks and without empty texts."""
    found = [("text", _text(one[1])) if isinstance(one, tuple) else one for one in _pieces(content)]
    return [one for one in found if one not in (("text", ""), None)]


def _message(message: Any) -> Iterator[Spoken]:
    """A message of the Messages API, results before the rest. A tool speaks in results, whatever the role."""
    role, content = str(message.get("role")), message.get("content")
    if not isinstance(content, list):
        yield from ((role, one) for one in _pieces(content))
        return
    spoken = [
        ("tool" if isinstance(block, tuple) and block[0] == "result" else role, block)
        for block in map(_block, content)
        if block is not None
    ]
    if role == "user":
        spoken.sort(key=lambda one: one[0] != "tool")
    yield from spoken


def _block(block: Any) -> object:
    match block:
        case {"type": "thinking", "thinking": str(text)}:
            return ("thinking", _text(text)) if _text(text) else None
        case {"type": "tool_use", "input": given}:
            return ("call", block.get("id"), block.get("name"), given)
        case {"type": "tool_result"}:
            about = (block.get("tool_use_id"), block.get("is_error"))
            return ("result", *about, _shown(block.get("content")))
        case _:
            return _piece(block)


def _item(item: Any) -> Iterator[Spoken]:
    """An item of the Responses API."""
    match item:
        case {"type": "reasoning", "content": [{"text": str(text)}, *_]}:
            if _text(text):
                yield "assistant", ("thinking", _text(text))
        case {"type": "function_call"}:
            called = (item.get("call_id"), item.get("name"), arguments(item.get("arguments")))
            yield "assistant", ("call", *called)
        case {"type": "function_call_output"}:
            yield "tool", ("result", item.get("call_id"), _shown(item.get("output")))
        case {"role": str(role)} if item.get("type") in (None, "message"):
            yield from ((role, one) for one in _pieces(item.get("content")))
        case _:
            yield "", without_marks(item)


MESSAGES = Judge("system", "messages", _message)
RESPONSES = Judge("instructions", "input", _item)
