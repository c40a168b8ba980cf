"""A tiny random recurrent model (mamba): its state cannot be cut, only restored from a checkpoint.

The vocabulary is that of tiny_gguf.py: one token per byte, and it writes printable ASCII.
"""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from tests.fakes.tiny_gguf import CONTEXT_TOKENS, LAYERS, SEED, WIDTH, add_vocabulary

CONVOLUTION, INNER, STATE, STEP_RANK = 4, 128, 16, 4


def add_shape(writer: gguf.GGUFWriter) -> None:
    """Write the hyperparameters."""
    writer.add_name("tiny-recurrent")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_ssm_conv_kernel(CONVOLUTION)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(STEP_RANK)


def add_weights(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    """Write random tensors; only printable ASCII gets output rows, all other logits are zero."""
    random = np.random.default_rng(SEED)

    def noise(*shape: int, scale: float = 0.1) -> NDArray[np.float32]:
        return (random.standard_normal(shape) * scale).astype(np.float32)

    output = noise(vocabulary, WIDTH, scale=0.5)
    output[[row for row in range(vocabulary) if not 0x20 <= row < 0x7F]] = 0
    writer.add_tensor("token_embd.weight", noise(vocabulary, WIDTH, scale=0.5))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        decay = -np.abs(noise(INNER, STATE, scale=1.0)) - 0.1  # negative: the state fades
        writer.add_tensor(f"{prefix}attn_norm.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"{prefix}ssm_in.weight", noise(2 * INNER, WIDTH))
        writer.add_tensor(f"{prefix}ssm_conv1d.weight", noise(INNER, CONVOLUTION))
        writer.add_tensor(f"{prefix}ssm_conv1d.bias", noise(INNER))
        writer.add_tensor(f"{prefix}ssm_x.weight", noise(STEP_RANK + 2 * STATE, INNER))
        writer.add_tensor(f"{prefix}ssm_dt.weight", noise(INNER, STEP_RANK))
        writer.add_tensor(f"{prefix}ssm_dt.bias", noise(INNER))
        writer.add_tensor(f"{prefix}ssm_a", decay.astype(np.float32))
        writer.add_tensor(f"{prefix}ssm_d", np.ones(INNER, np.float32))
        writer.add_tensor(f"{prefix}ssm_out.weight", noise(WIDTH, INNER))


def write_tiny_recurrent(path: Path) -> Path:
    """Write the model to `path`; returns `path`."""
    writer = gguf.GGUFWriter(path, "mamba")
    add_shape(writer)
    add_weights(writer, add_vocabulary(writer))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
