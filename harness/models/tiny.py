"""The tiny scale: a Llama of 0.1M parameters and a character tokenizer, random here and pretrained per seed by training.

2 layers x 64, 4 heads of 16 with 2 key-value heads, MLP 160, untied: fourteen matrices, of shapes 64x64 (q, o), 32x64 (k, v),
160x64 (gate, up) and 64x160 (down).
"""

from typing import TYPE_CHECKING, NamedTuple

import torch

from harness.models.init import materialise
from harness.models.tokenizer import ALPHABET, MAX_LENGTH, SPECIAL, character_tokenizer

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

INIT_STD = 0.02


class Tiny(NamedTuple):
    """An untrained tiny model and its tokenizer."""

    model: "LlamaForCausalLM"
    tokenizer: "PreTrainedTokenizerFast"


def config() -> "LlamaConfig":
    """The architecture; the same for every seed."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(SPECIAL) + len(ALPHABET),
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=False,
        initializer_range=INIT_STD,
        pad_token_id=SPECIAL.index("<pad>"),
        bos_token_id=SPECIAL.index("<bos>"),
        eos_token_id=SPECIAL.index("<eos>"),
    )


def build(seed: int) -> Tiny:
    """A random tiny model, fp32 on CPU in eval mode; the same seed gives the same bits, the global generator is left alone."""
    model = materialise(config(), seed=seed, std=INIT_STD, dtype=torch.float32)
    return Tiny(model, character_tokenizer())
