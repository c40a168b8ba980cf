"""A tiny Qwen2 for mlx-lm, made at once: random weights, one token a byte, a template with tools.

Written without the libraries that read it: a tokenizer is JSON, and safetensors is a header with the weights
behind it (https://huggingface.co/docs/safetensors, "Format").
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

Json = dict[str, Any]

CONTEXT = 32768
WIDTH, HEADS, KEYS, INNER, LAYERS = 64, 4, 2, 128, 2
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
END = len(SPECIAL) - 1

TEMPLATE = (
    "{%- for tool in tools or [] %}{{ '<tool>' + (tool | tojson) + '\\n' }}{%- endfor %}"
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + (m.content or '') }}"
    "{%- for call in m.tool_calls or [] %}{{ '<call>' + (call.function.arguments | tojson) }}{%- endfor %}"
    "{{ '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""It prints the members of tools and arguments in the order in which they come."""


def letters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's `bytes_to_unicode`)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in shown else next(others)) for byte in range(256)]


def token_of(letter: str) -> int:
    """The token of a letter."""
    return len(SPECIAL) + ord(letter)


def tokenizer() -> Json:
    """One token a byte, and the special ones."""
    names = [*SPECIAL, *letters()]
    level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    added = {
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": text, **added} for at, text in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {name: at for at, name in enumerate(names)},
            "merges": [],
        },
    }


def weights(vocabulary: int) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Random ones, the same every time."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return (random.standard_normal(shape) * 0.05).astype("float32")

    head = WIDTH // HEADS
    found = {
        "model.embed_tokens.weight": some(vocabulary, WIDTH),
        "model.norm.weight": np.ones(WIDTH, "float32"),
    }
    for layer in range(LAYERS):
        place = f"model.layers.{layer}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            found[f"{place}{name}.weight"] = np.ones(WIDTH, "float32")
        for name, size in (("q", WIDTH), ("k", KEYS * head), ("v", KEYS * head)):
            found[f"{place}self_attn.{name}_proj.weight"] = some(size, WIDTH)
            found[f"{place}self_attn.{name}_proj.bias"] = some(size)
        found[f"{place}self_attn.o_proj.weight"] = some(WIDTH, WIDTH)
        found[f"{place}mlp.gate_proj.weight"] = some(INNER, WIDTH)
        found[f"{place}mlp.up_proj.weight"] = some(INNER, WIDTH)
        found[f"{place}mlp.down_proj.weight"] = some(WIDTH, INNER)
    return found


def config(vocabulary: int) -> Json:
    """What mlx-lm makes a Qwen2 of (mlx_lm/models/qwen2.py, `ModelArgs`)."""
    return {
        "model_type": "qwen2",
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEYS,
        "intermediate_size": INNER,
        "vocab_size": vocabulary,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "max_position_embeddings": CONTEXT,
        "tie_word_embeddings": True,
        "eos_token_id": END,
        "bos_token_id": 0,
    }


def write(folder: Path) -> Path:
    """Write the model into a folder that is there."""
    vocabulary = len(SPECIAL) + 256
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": SPECIAL[END],
        "chat_template": TEMPLATE,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
    }
    for name, value in (
        ("tokenizer", tokenizer()),
        ("tokenizer_config", settings),
        ("config", config(vocabulary)),
    ):
        (folder / f"{name}.json").write_text(json.dumps(value))
    header: Json = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in weights(vocabulary).items():
        raw = array.tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    head = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data)
    return folder
