"""Two sets of tools that differ only in their descriptions have the same interfaces."""

import json

import pytest

from warmprefix.core.identity.tool_interfaces import same_interfaces
from warmprefix.core.types import RawJson, Tool


def tool(text: str) -> Tool:
    return Tool(None, RawJson(text.encode()))


def read(name: str = "read", says: str = "Reads.", path: str = "A path.", **schema: object) -> Tool:
    properties = {"path": {"type": "string", "description": path, **schema}}
    definition = {"name": name, "description": says, "parameters": {"properties": properties}}
    return tool(json.dumps({"type": "function", "function": definition}))


@pytest.mark.parametrize(
    "other",
    [
        read(),
        read(says="Reads a file."),
        read(path="The path."),
        tool(read().definition.decode().replace('"description": "Reads.", ', "")),
    ],
)
def test_descriptions_are_no_part_of_it(other: Tool) -> None:
    assert same_interfaces([read(), read("a")], [read("a", "Other."), other])


@pytest.mark.parametrize(
    "other",
    [
        read("write"),
        read(type="integer"),
        read(default="x"),
        read(maximum=1.0),
        tool(read().definition.decode().replace('"path"', '"file"')),
    ],
)
def test_everything_else_is(other: Tool) -> None:
    assert not same_interfaces([read(maximum=1)], [other])


def test_descriptions_of_alternatives_are_no_part_of_it() -> None:
    one, other = (read(anyOf=[{"type": "string", "description": text}]) for text in ("a", "b"))

    assert same_interfaces([one], [other])
    assert not same_interfaces([one], [read(anyOf=[{"type": "null"}])])


def test_a_value_in_a_schema_is_no_description() -> None:
    one, other = read(default={"description": "a"}), read(default={"description": "b"})

    assert not same_interfaces([one], [other])


def test_a_parameter_may_be_called_description() -> None:
    one, other = (
        tool(json.dumps({"parameters": {"properties": {"description": {"type": kind}}}}))
        for kind in ("string", "integer")
    )

    assert not same_interfaces([one], [other])
    assert same_interfaces([one], [one])


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', "a list", f'{{"a":{"1" * 5000}}}', f'{"[" * 800}"a"{"]" * 800}']
)
def test_what_parsers_read_differently_equals_itself_alone(text: str) -> None:
    assert same_interfaces([tool(text)], [tool(text)])
    assert not same_interfaces([tool(text)], [tool(text.replace("a", "b"))])


def test_sets_of_other_sizes_differ() -> None:
    assert not same_interfaces([read()], [])
