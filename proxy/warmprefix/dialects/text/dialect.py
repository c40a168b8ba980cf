"""`POST /completion`, `/completions` and `/v1/completions`: a prompt that the model is given as it is."""

from collections.abc import Mapping, Sequence

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt, RawJson
from warmprefix.core.wire.slices import decode, top_level, values_of
from warmprefix.dialects.asked_usage import ASKED_USAGE
from warmprefix.dialects.base import Memory, Request
from warmprefix.dialects.bodies import raw_members, request_of
from warmprefix.dialects.text.unchanged import Unchanged, is_several, pieces

_TOKENS = RawJson(b'"tokens"')


class Text(Unchanged):
    """The dialect of llama-server's own completions (tools/server/server.cpp:255-258), of OpenAI's, and of
    Lemonade's four prefixes."""

    name = "text"
    paths = frozenset(
        {
            "/completion",
            "/completions",
            *(f"{prefix}/completions" for prefix in ("/v1", "/api/v1", "/api/v0", "/v0")),
        }
    )

    asked_usage = ASKED_USAGE

    def __repr__(self) -> str:
        return "Text()"

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """It has one prompt, or several, and nothing else that is read."""
        return "prompt" in body and body.keys().isdisjoint(("messages", "input_prefix"))

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood if it has several prompts, or one that is not all text
        and tokens."""
        del memory
        spans = top_level(body)
        if "prompt" not in spans:
            raise NotUnderstood("no prompt")
        options = values_of(body, spans, ("prompt",))
        if is_several(options):
            raise NotUnderstood("several replies")
        shown, about = _only(decode(body[slice(*spans["prompt"])])), {}
        if not isinstance(shown, str):
            shown, about = _written(shown), {"prompt": _TOKENS}
        about = {**raw_members(body, spans, ("lora",)), **about}
        prompt = Prompt(pieces(shown), template_options=about, is_plain=True)
        return request_of(self, body, spans, options, prompt)


TEXT = Text()


def _only(prompt: object) -> str | Sequence[object]:
    """The only prompt: a text, or a list of tokens and texts. Raises NotUnderstood.

    A list without any token is a list of prompts (tools/server/server-common.cpp, `tokenize_input_prompts`).
    """
    if isinstance(prompt, list) and not any(isinstance(one, int | float) for one in prompt):
        if len(prompt) != 1:
            raise NotUnderstood("several prompts")
        prompt = prompt[0]
    if not isinstance(prompt, str | list):
        raise NotUnderstood("a prompt that is neither text nor tokens")
    return prompt


def _written(prompt: Sequence[object]) -> str:
    """Tokens and texts, each ended by a comma, so that what begins alike is written alike."""
    if not all(type(one) in (int, str) for one in prompt):
        raise NotUnderstood("a token that is no number")
    return "".join(f"{orjson.dumps(one).decode()}," for one in prompt)
