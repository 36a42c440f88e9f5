"""A tiny Llama whose every linear layer has a spectrum that falls as a power, in random frames, and random tokens for it.

    W = U diag(s) V^T,   s_i = 3 i^-.8,   U (m, q) and V (n, q) from QR of Gaussians, q = min(m, n)

Vocabulary 96, hidden 64, 2 layers, 4 heads, MLP 128, untied: 14 matrices of 64 x 64, 128 x 64 and 64 x 128. Nothing is learned
in it, so whatever an adapter's update has to do with the base's directions is of the adapter's making.
Source: the sheet peft_merge, 0 and 1.2.
Trap: lm_head and the embedding stay Gaussian with .02; they are no part of what is read.
"""

from typing import TYPE_CHECKING

import torch
from harness.models.init import materialise
from torch import Tensor

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY, HIDDEN, LAYERS, HEADS, MLP = 96, 64, 2, 4, 128
LEADING, FALL = 3.0, 0.8
STD = 0.02
SEQUENCES, LENGTH = 8, 24
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def config() -> "LlamaConfig":
    """The architecture."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=MLP,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=2 * LENGTH,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def build(seed: int) -> "LlamaForCausalLM":
    """The model in fp32 on the CPU, in eval mode; a seed gives the same bits, the global generator is left alone."""
    model = materialise(config(), seed=seed, std=STD, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for weight in linear(model).values():
            weight.copy_(power_law(*weight.shape, generator))
    return model


def linear(model: torch.nn.Module) -> dict[str, Tensor]:
    """The weights of its linear layers but lm_head, by name."""
    return {name: p for name, p in model.named_parameters() if name.removesuffix(".weight").rpartition(".")[2] in LINEAR}


def power_law(m: int, n: int, generator: torch.Generator) -> Tensor:
    """(m, n) fp64 with singular values 3 i^-.8 in random frames."""
    q = min(m, n)
    u, v = (torch.linalg.qr(torch.randn(side, q, generator=generator, dtype=torch.float64)).Q for side in (m, n))
    return (u * (LEADING * torch.arange(1, q + 1, dtype=torch.float64) ** -FALL)) @ v.T


def tokens(seed: int) -> Tensor:
    """(8, 24) random token ids; they are their own labels."""
    return torch.randint(VOCABULARY, (SEQUENCES, LENGTH), generator=torch.Generator().manual_seed(seed))
