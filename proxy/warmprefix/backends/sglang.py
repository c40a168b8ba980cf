"""SGLang: its list of models says who owns them.

Facts: sglang 0.5.23, srt/entrypoints/openai/protocol.py:93 (`owned_by`), usage_processor.py:39 (details only
with the option, then also a 0), http_server.py:863 (`/server_info`).
"""

from functools import partial

from warmprefix.backends.answers import is_owned_by
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine

KIND = Kind(
    name="sglang",
    can=frozenset(),
    mark=Mark("/v1/models", partial(is_owned_by, "sglang")),
    engine=Engine(
        label="SGLang",
        counts="with-option",
        option="python -m sglang.launch_server --enable-cache-report",
        off="start it without --disable-radix-cache",
        thinking='in the client\'s requests: "chat_template_kwargs": {"preserve_thinking": true}',
        source="https://docs.sglang.io/advanced_features/server_arguments.html, --enable-cache-report",
    ),
)
