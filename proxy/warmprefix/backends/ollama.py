"""Ollama, by its OpenAI endpoint (`/v1/chat/completions`).

Facts: https://github.com/ollama/ollama: server/routes.go (what `/` answers), openai/openai.go (`reasoning` in
messages, both ways), https://github.com/ollama/ollama/pull/17943 (cached tokens).
"""

from warmprefix.backends.answers import Answer
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine


def _is_its_own(root: Answer) -> bool:
    return root.status_code == 200 and root.content == b"Ollama is running"


KIND = Kind(
    name="ollama",
    can=frozenset(),
    mark=Mark("/", _is_its_own),
    reads=frozenset({"reasoning"}),
    engine=Engine(
        label="Ollama",
        counts="always",
        since="0.33.3",
        source="https://github.com/ollama/ollama/pull/17943",
    ),
)
