"""SGLang: its list of models says who owns them.

Facts: sglang 0.5.23, srt/entrypoints/openai/protocol.py:93 (`owned_by`), usage_processor.py:39 (details only
with the option, then also a 0), http_server.py:863 (`/server_info`).
"""

from typing import TYPE_CHECKING

from warmprefix.backends.answers import owner
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine

if TYPE_CHECKING:
    import httpx


def _is_its_own(models: "httpx.Response") -> bool:
    return owner(models) == "sglang"


KIND = Kind(
    name="sglang",
    can=frozenset(),
    mark=Mark("/v1/models", _is_its_own),
    engine=Engine(
        label="SGLang",
        counts="with-option",
        option="python -m sglang.launch_server --enable-cache-report",
        off="python -m sglang.launch_server, without --disable-radix-cache",
        thinking='chat_template_kwargs {"preserve_thinking": true} in the client\'s requests',
        source="https://docs.sglang.io/advanced_features/server_arguments.html, --enable-cache-report",
    ),
)
