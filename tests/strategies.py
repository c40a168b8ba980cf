"""Hypothesis strategies for requests as clients write them: JSON values, JSON text, conversations.

A conversation is a list of JSON messages, not of core values: what a test starts from is what a
client could send.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests import chat_dialect
from warmprefix.core.types import Prompt

Json = dict[str, Any]

EDGES = st.sampled_from(["", "", "\n", " \n", "\r\n\n", "\t", "\u00a0", "\u2028"])
_WORDS = st.sampled_from(
    [
        "",
        "ab",
        "x y",
        'say "no"',
        "a\\b",
        "[{",
        "}]",
        "a\nb",
        "  def f():",
        "é\U0001f600",
        "<think>",
    ]
)
TEXTS = st.builds("".join, st.tuples(EDGES, _WORDS, _WORDS, EDGES))
NAMES = st.sampled_from(["read", "write", "search"])

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3)
    ),
    max_leaves=8,
)

BLANKS = st.sampled_from(["", "", " ", "\n", "\t\r\n "])
_SPELLINGS = st.sampled_from(
    (
        *("1e1", "10.0", "-0", "1E+2", "123456789012345678901234567890", "null", "true"),
        *('"\\u00e9"', '"\\ud83d\\ude00"', '"a\\/b"', '"]}"', '""', '"é"'),
    )
)
_KEYS = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"]"'])  # the first and the third are one name


def _array(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(BLANKS, st.lists(items, max_size=3)).map(
        lambda found: "[" + found[0] + ("," + found[0]).join(found[1]) + "]"
    )


def _object(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.builds("{}{}:{}".format, _KEYS, BLANKS, items)
    return st.lists(pair, max_size=3).map(lambda found: "{" + ", ".join(found) + "}")


JSON_TEXTS = st.recursive(_SPELLINGS, lambda inner: _array(inner) | _object(inner), max_leaves=5)
"""JSON no serialiser would write: odd numbers, escapes, members twice, blanks anywhere."""


@st.composite
def spaced(draw: st.DrawFn, value: Any) -> str:
    """`value` as JSON text with random white space between its tokens."""
    blank = draw(BLANKS)
    match value:
        case dict():
            pairs = [f"{json.dumps(k)}{blank}:{blank}{draw(spaced(v))}" for k, v in value.items()]
            text = "{" + blank + f"{blank},{blank}".join(pairs) + blank + "}"
        case list():
            parts = [draw(spaced(item)) for item in value]
            text = "[" + blank + f"{blank},{blank}".join(parts) + blank + "]"
        case _:
            text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return text


_EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "refusal": st.none(),
        "timestamp": st.integers(),
        "finish_reason": st.sampled_from(["stop", None]),
        "reasoning_content": st.sampled_from(["", " ", "because"]),
        "audio": st.fixed_dictionaries({"id": TEXTS}),
    },
)
_PARTS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: {"type": "text", "text": text}),
        TEXTS.map(lambda text: {"type": "text", "text": text, "cache_control": {"type": "e"}}),
        st.just({"type": "image_url", "image_url": {"url": "data:,"}}),
    ),
    max_size=3,
)
_ARGUMENTS = st.sampled_from(
    ["", " ", "{}", '{"path": "a", "n": 1e1}', '{"a":1,"a":2}', "{broken", {"b": 1, "a": [True]}]
)


@st.composite
def _message(draw: st.DrawFn, /, role: str, content: Any, **members: Any) -> Json:
    """A message whose members come in a random order; content `...` is left out."""
    found: Json = {"role": role, "content": content, **members, **draw(_EXTRA)}
    if content is ...:
        del found["content"]
    return dict(draw(st.permutations(list(found.items()))))


@st.composite
def _call(draw: st.DrawFn, at: str) -> Json:
    function = {"name": draw(NAMES), "arguments": draw(_ARGUMENTS)}
    if draw(st.booleans()):
        function = dict(reversed(function.items()))
    call: Json = {"id": at, "type": "function", "function": function}
    if draw(st.booleans()):
        call["index"] = 0
    return call


@st.composite
def _tool_round(draw: st.DrawFn, at: int) -> list[Json]:
    """A message that calls tools and the results: in any order, some without a name, one may be lost."""
    calls = [draw(_call(f"call_{at}_{n}")) for n in range(draw(st.integers(1, 3)))]
    content = draw(st.sampled_from([..., None, "", "Looking.\n\n"]))
    rounds = [draw(_message("assistant", content, tool_calls=calls))]
    for call in draw(st.permutations(calls))[: draw(st.integers(0, 3))]:
        members = {"tool_call_id": call["id"]}
        if draw(st.booleans()):
            members["name"] = call["function"]["name"]
        rounds.append(draw(_message("tool", draw(TEXTS), **members)))
    return rounds


@st.composite
def _plain(draw: st.DrawFn) -> list[Json]:
    role = draw(st.sampled_from(["user", "assistant", "system", "developer"]))
    content = draw(TEXTS | _PARTS | st.none())
    members: Json = {"tool_calls": []} if role == "assistant" and draw(st.booleans()) else {}
    return [draw(_message(role, content, **members))]


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """The messages of a request, in an order in which clients send them."""
    found: list[Json] = []
    if draw(st.booleans()):
        line = draw(st.sampled_from(["", "x-anthropic-billing-header: cc=1;\n"]))
        found.append(draw(_message("system", line + draw(TEXTS))))
    for at in range(draw(st.integers(0, 3))):
        found += draw(_plain() | _tool_round(at))
    return found


_SCHEMAS = st.just({"type": "object", "properties": {"b": {"type": "string"}, "a": {}}})


@st.composite
def tool_lists(draw: st.DrawFn) -> list[Json] | None:
    """The tools of a request: none, an empty list, or some with members in any order."""
    if draw(st.booleans()):
        return draw(st.sampled_from([None, []]))
    tools: list[Json] = []
    for name in draw(st.lists(NAMES, max_size=3, unique=True)):
        function = {"name": name, "description": draw(TEXTS), "parameters": draw(_SCHEMAS)}
        function = dict(draw(st.permutations(list(function.items()))))
        tool: Json = {"type": "function", "function": function}
        if draw(st.booleans()):
            tool["cache_control"] = {"type": "ephemeral"}
        tools.append(dict(draw(st.permutations(list(tool.items())))))
    return tools


def body_of(messages: Sequence[Mapping[str, Any]], tools: Any = None) -> bytes:
    """A request body. It has a member `tools` unless that is None."""
    body = {"model": "m", "messages": messages} | ({} if tools is None else {"tools": tools})
    return json.dumps(body, separators=(",", ":")).encode()


def prompt_of(messages: Sequence[Mapping[str, Any]], tools: Any = None) -> Prompt:
    """The prompt of a request with these messages and tools."""
    return chat_dialect.parse(body_of(messages, tools)).prompt


def prompts() -> st.SearchStrategy[Prompt]:
    """Prompts as they arrive."""
    return st.builds(prompt_of, conversations(), tool_lists())
