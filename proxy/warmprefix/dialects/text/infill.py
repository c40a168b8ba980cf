"""`POST /infill`: what stands between a prefix and a suffix.

In which order the model is given the parts, and how much of each, is the backend's to decide
(tools/server/server-common.cpp, `format_prompt_infill`). So of two such prompts it is known only whether they
are the same: each has an option of its own. The text, by which its conversation is recognised, is that of the
files beside it and of the prefix. It is housekeeping: an editor asks at every pause of its user.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt, RawJson
from warmprefix.core.wire.slices import top_level, values_of
from warmprefix.dialects.base import Memory, Request
from warmprefix.dialects.bodies import request_of
from warmprefix.dialects.text.unchanged import Unchanged, is_several, pieces

_PARTS = ("input_extra", "input_prefix", "input_suffix", "prompt")
_DIGEST_BYTES = 8


class Infill(Unchanged):
    """The dialect of llama-server's `/infill`."""

    name = "infill"
    paths = frozenset({"/infill"})

    def __repr__(self) -> str:
        return "Infill()"

    def is_shape_of(self, body: Mapping[str, object]) -> bool:
        """It has a prefix."""
        return "input_prefix" in body

    def parse(self, body: bytes, memory: Memory) -> Request:
        """The request in `body`. Raises NotUnderstood if it has no prefix and no files, or wants several
        replies."""
        del memory
        spans = top_level(body)
        options = values_of(body, spans)
        if is_several(options):
            raise NotUnderstood("several replies")
        prefix = options.get("input_prefix")
        shown = [*_files(options.get("input_extra")), prefix if isinstance(prefix, str) else ""]
        state = blake2b(digest_size=_DIGEST_BYTES)
        for name in _PARTS:
            part = body[slice(*spans[name])] if name in spans else b""
            state.update(len(part).to_bytes(8, "little") + part)
        parts = {"parts": RawJson(b'"%s"' % state.hexdigest().encode())}
        prompt = Prompt(pieces("".join(shown)), template_options=parts, is_plain=True)
        return replace(request_of(self, body, spans, options, prompt), is_side=True)


INFILL = Infill()


def _files(extra: object) -> list[str]:
    """The texts of the files beside the one that is edited."""
    listed = extra if isinstance(extra, list) else []
    texts = (one.get("text") for one in listed if isinstance(one, dict))
    return [text for text in texts if isinstance(text, str)]
