"""Strips line ends, and nothing else, at both ends of user text."""

from warmprefix.core.messages import changed
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Risk

_EDGES = "\r\n"  # leading blanks can be indentation of pasted code


def _change(message: Message) -> Message:
    content = message.content
    if message.logical_role != "user" or not isinstance(content, str):
        return message
    text = content.strip(_EDGES)
    return message if text == content else changed(message, content=text)


RULE: Rule = message_rule(
    "user-edge-newlines",
    Risk.NEUTRAL,
    _change,
    roles={"user"},
    why="Pasted prompts end in line feeds that a session store strips.",
    source="hermes-agent 0.19.0 hermes_state.py:4928",
)
