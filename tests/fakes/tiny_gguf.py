"""A tiny random model that llama-server loads: for tests that count tokens, not words.

llama architecture with full attention, so that cached_tokens is exactly the shared prefix. One token per byte,
plus the turn markers of common chat templates: a prompt's token count is its byte count with each marker
counted as one. It writes only printable ASCII, so its text gives the same tokens again, and it never ends a
turn by itself: replies are as long as max_tokens. Written in 0.01 s, 0.5 MB.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128


@dataclass(frozen=True)
class Shape:
    """How much there is to compute."""

    width: int
    layers: int
    heads: int
    inner: int


TINY = Shape(WIDTH, LAYERS, HEADS, INNER)
SHOWN = range(0x20, 0x7F)  # printable ASCII
CONTEXT_TOKENS = 131_072
SEED = 20260101  # any; fixed so that every run writes the same file and the same replies

CONTROL_MARKERS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<start_of_turn>",
    "<end_of_turn>",
)
# Qwen3's vocabulary has these as ordinary added tokens: unlike control tokens they appear in the output
SHOWN_MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
END_OF_TURN = "<|im_end|>"
PAIR = "QZ"  # the GPT-2 tokenizer needs one merge; two capitals that tests rarely use together


def byte_symbols() -> list[str]:
    """The printable character that GPT-2's vocabulary writes for each byte value, in byte order.

    Printable bytes stand for themselves, the others for the characters from U+0100 on (source: the
    byte-level vocabulary of GPT-2, which llama.cpp's "gpt2" tokenizer expects).
    """
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte) if byte in shown else chr(next(spare)) for byte in range(256)]


def add_vocabulary(writer: gguf.GGUFWriter) -> int:
    """Write the tokenizer; returns the number of its tokens."""
    tokens = [*byte_symbols(), *CONTROL_MARKERS, *SHOWN_MARKERS, PAIR]
    types = [gguf.TokenType.NORMAL] * len(tokens)
    for marker in CONTROL_MARKERS:
        types[tokens.index(marker)] = gguf.TokenType.CONTROL
    for marker in SHOWN_MARKERS:
        types[tokens.index(marker)] = gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(PAIR)])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index(END_OF_TURN))
    writer.add_add_bos_token(False)
    writer.add_vocab_size(len(tokens))
    return len(tokens)


def add_shape(writer: gguf.GGUFWriter, shape: Shape = TINY) -> None:
    """Write the hyperparameters."""
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)


def add_weights(
    writer: gguf.GGUFWriter, vocabulary: int, *, shape: Shape = TINY, shown: Collection[int] = SHOWN
) -> None:
    """Write random tensors; only the tokens `shown` get output rows, all other logits are zero."""
    random = np.random.default_rng(SEED)
    width, inner = shape.width, shape.inner

    def noise(rows: int, columns: int, scale: float) -> NDArray[np.float32]:
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    ones = np.ones(width, np.float32)
    output = noise(vocabulary, width, 0.5)
    output[[row for row in range(vocabulary) if row not in shown]] = 0
    writer.add_tensor("token_embd.weight", noise(vocabulary, width, 0.5))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
    for layer in range(shape.layers):
        prefix = f"blk.{layer}."
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{prefix}{norm}.weight", ones)
        for square in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{prefix}{square}.weight", noise(width, width, 0.1))
        writer.add_tensor(f"{prefix}ffn_gate.weight", noise(inner, width, 0.1))
        writer.add_tensor(f"{prefix}ffn_up.weight", noise(inner, width, 0.1))
        writer.add_tensor(f"{prefix}ffn_down.weight", noise(width, inner, 0.1))


def write_tiny_model(path: Path) -> Path:
    """Write the model to `path`; returns `path`."""
    writer = gguf.GGUFWriter(path, "llama")
    add_shape(writer)
    add_weights(writer, add_vocabulary(writer))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
