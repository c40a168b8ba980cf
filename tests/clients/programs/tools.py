"""What the programs of this folder have in common: their arguments, their instructions and what their tools do.

Each program is one process of a client: `PROGRAM URL STATE QUESTION...` asks each question in the conversation
that STATE holds, and prints the answers. They run with the Python of the client, so nothing of the tests is
imported here but this file.
"""

import sys
from pathlib import Path

INSTRUCTIONS = (
    "You help with a small folder of files. Read a file before you speak about it, use the "
    "tools that you have instead of guessing, and answer in one short sentence. If a file is not "
    "there, say so. Never change a file without being asked."
)
URL, STATE, QUESTIONS = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]


def read_lines(path: str, limit: int = 5) -> str:
    """Read the first lines of a file."""
    return "".join(Path(path).read_text("utf-8").splitlines(keepends=True)[:limit])


def count(word: str, path: str) -> str:
    """Count how often a word is in a file."""
    return f"  {word}: {Path(path).read_text('utf-8').count(word)}\n"


_TEXT = {"type": "string"}
SCHEMAS = [
    {
        "name": "read_lines",
        "description": "Read the first lines of a file.",
        "parameters": {
            "type": "object",
            "properties": {"path": _TEXT, "limit": {"type": "integer"}},
            "required": ["path"],
        },
    },
    {
        "name": "count",
        "description": "Count how often a word is in a file.",
        "parameters": {
            "type": "object",
            "properties": {"word": _TEXT, "path": _TEXT},
            "required": ["word", "path"],
        },
    },
]
"""What both tools take, for libraries that do not find it out."""


def called(name: str, arguments: dict[str, object]) -> str:
    """What a tool of this name says."""
    return {"read_lines": read_lines, "count": count}[name](**arguments)
