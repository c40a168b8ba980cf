"""A random model for an agent's prompts: Gemma's vocabulary, and so little behind it that 25,000 tokens are
read in seconds.

The vocabulary is copied from the small Gemma that `--embedded` runs. The turn markers of ChatML stand in place
of two of its unused tokens, so that they are one token each, as in a model that was trained with them.
"""

import struct
from pathlib import Path
from typing import Any

import gguf

from tests.fakes.tiny_gguf import Shape, add_shape, add_weights
from warmprefix.embedded.backend import assembled_model, cache_folder

LONG = Shape(width=16, layers=1, heads=1, inner=32)
MARKERS = {"<unused0>": "<|im_start|>", "<unused1>": "<|im_end|>"}
NUMBERS = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}  # by GGUF's number of a type
STRING, ARRAY = 8, 9


class Header:
    """Reads the metadata of a GGUF file: gguf's own reader takes half a minute for 262,144 strings."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0
        magic, _, _, count = self._numbers("4sIQQ")
        assert magic == b"GGUF"
        self.values = {self._string(): self._value(*self._numbers("I")) for _ in range(count)}

    def _numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._data, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def _string(self) -> str:
        (size,) = self._numbers("Q")
        self._at += size
        return str(bytes(self._data[self._at - size : self._at]), "utf-8")

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind != ARRAY:
            return self._numbers(NUMBERS[kind])[0]
        inner, count = self._numbers("IQ")
        if inner == STRING:
            return [self._string() for _ in range(count)]
        return list(self._numbers(f"{count}{NUMBERS[inner]}"))


def write_long_model(path: Path) -> Path:
    """Write the model to `path`; returns `path`."""
    file = assembled_model(cache_folder(), lambda line: None)
    with file.open("rb") as source:
        values = Header(memoryview(source.read(32 * 2**20))).values
    tokens = [MARKERS.get(token, token) for token in values["tokenizer.ggml.tokens"]]
    types = values["tokenizer.ggml.token_type"]
    for marker in MARKERS.values():
        types[tokens.index(marker)] = gguf.TokenType.CONTROL
    writer = gguf.GGUFWriter(path, "llama")
    add_shape(writer, LONG)
    writer.add_tokenizer_model(values["tokenizer.ggml.model"])
    writer.add_tokenizer_pre(values["tokenizer.ggml.pre"])
    writer.add_token_list(tokens)
    writer.add_token_scores(values["tokenizer.ggml.scores"])
    writer.add_token_types(types)
    writer.add_bos_token_id(values["tokenizer.ggml.bos_token_id"])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_unk_token_id(values["tokenizer.ggml.unknown_token_id"])
    writer.add_add_bos_token(False)  # a rendered prompt that is read back would get a second one
    writer.add_add_space_prefix(False)
    writer.add_vocab_size(len(tokens))
    add_weights(writer, len(tokens), shape=LONG, shown=())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
