"""mlx_lm.server.

Facts: mlx-lm 0.32.2, mlx_lm/server.py:1787-1876 (its two pages) and :1740 (cached tokens, always), and
mlx_lm/SERVER.md.
"""

from warmprefix.backends.answers import Answer, members, objects
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine

_MODEL = {"id", "object", "created"}


def _is_its_own(models: Answer) -> bool:
    """It is Python's own web server, which says so, and its models have three members and no owner."""
    listed = objects(members(models).get("data"))
    is_python = models.headers.get("server", "").startswith("BaseHTTP/")
    return is_python and bool(listed) and all(model.keys() == _MODEL for model in listed)


KIND = Kind(
    name="mlx",
    can=frozenset(),
    mark=Mark("/v1/models", _is_its_own),
    reads=frozenset({"reasoning"}),
    engine=Engine(
        label="mlx-lm",
        counts="always",
        thinking="mlx_lm.server --chat-template-args '{\"preserve_thinking\": true}'",
        source="https://github.com/ml-explore/mlx-lm/pull/849",
    ),
)
"""Its messages go into the template as they are, so what the client adds to them may be printed."""
