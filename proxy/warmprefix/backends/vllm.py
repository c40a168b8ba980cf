"""vLLM: its list of models says who owns them.

Facts: https://github.com/vllm-project/vllm, vllm/entrypoints/openai/engine/protocol.py (`ModelCard.owned_by`,
`PromptTokenUsageInfo`) and https://docs.vllm.ai/en/latest/cli/serve/.
"""

from typing import TYPE_CHECKING

from warmprefix.backends.answers import owner
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine

if TYPE_CHECKING:
    import httpx


def _is_its_own(models: "httpx.Response") -> bool:
    return owner(models) == "vllm"


KIND = Kind(
    name="vllm",
    can=frozenset(),
    mark=Mark("/v1/models", _is_its_own),
    reads=frozenset({"reasoning"}),
    engine=Engine(
        label="vLLM",
        counts="with-option",
        option="vllm serve --enable-prompt-tokens-details",
        off="vllm serve --enable-prefix-caching",
        thinking="vllm serve --default-chat-template-kwargs '{\"preserve_thinking\": true}'",
        source="https://docs.vllm.ai/en/latest/cli/serve/, --enable-prompt-tokens-details",
    ),
)
"""With the option it leaves the details out if nothing was reused (as of 0.22:
https://github.com/vllm-project/vllm-ascend/pull/9911), so such a turn counts as not reported."""
