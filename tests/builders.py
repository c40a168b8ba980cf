"""Messages as clients send them and models say them: one place for tests and benchmarks.

Members come in the order of these functions, which matters wherever bytes are compared.
"""

from typing import Any

Json = dict[str, Any]


def system(content: Any, **more: Any) -> Json:
    """A system message."""
    return {"role": "system", "content": content, **more}


def user(content: Any, **more: Any) -> Json:
    """A message of the user."""
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> Json:
    """A message of the model."""
    return {"role": "assistant", "content": content, **more}


def call(arguments: Any = "{}", name: str = "f", call_id: str | None = "c1") -> Json:
    """One tool call; without an id if that is None."""
    named = {} if call_id is None else {"id": call_id}
    return {**named, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: Any) -> Json:
    """A message of the model that says nothing and calls tools."""
    return assistant("", tool_calls=list(calls))


def result(of: str, content: Any = "r", **more: Any) -> Json:
    """What a tool answered to the call of that id."""
    return {"role": "tool", "content": content, "tool_call_id": of, **more}
