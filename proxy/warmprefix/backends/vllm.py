"""vLLM: its list of models says who owns them.

Facts: https://github.com/vllm-project/vllm, vllm/entrypoints/openai/engine/protocol.py (`ModelCard.owned_by`,
`PromptTokenUsageInfo`) and https://docs.vllm.ai/en/latest/cli/serve/.
"""

from functools import partial

from warmprefix.backends.answers import is_owned_by
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine

KIND = Kind(
    name="vllm",
    can=frozenset(),
    mark=Mark("/v1/models", partial(is_owned_by, "vllm")),
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
