"""Random twins: models of a real one's shape and nothing else, for memory and speed work without its weights.

The configs are embedded, so a twin needs no network. Weights are N(0, 0.02), which has the norm of typical weights but none of
their spectrum: no claim is judged on a twin.
"""

from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.models import scales

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

STD = 0.02

_QWEN = dict(
    model_type="qwen2",
    max_position_embeddings=32768,
    rms_norm_eps=1e-6,
    rope_parameters=dict(rope_type="default", rope_theta=1e6),
    num_key_value_heads=2,
    vocab_size=151936,
    tie_word_embeddings=True,
)

PRESETS: dict[str, dict[str, Any]] = {
    "Qwen/Qwen2.5-0.5B": _QWEN | dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14),
    "Qwen/Qwen2.5-1.5B": _QWEN | dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12),
    "Qwen/Qwen2.5-7B": _QWEN
    | dict(
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        vocab_size=152064,
        tie_word_embeddings=False,
    ),
    "meta-llama/Llama-3.1-8B": dict(
        model_type="llama",
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=131072,
        rms_norm_eps=1e-5,
        rope_parameters=dict(
            rope_type="llama3",
            rope_theta=500000.0,
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=8192,
        ),
        vocab_size=128256,
        tie_word_embeddings=False,
    ),
}


def config(name: str, **overrides: Any) -> "PretrainedConfig":
    """The config of a preset; `name` is a scale ("medium", "large") or a model id of PRESETS.

    `overrides` replace its entries, as in config("large", num_hidden_layers=2).

    Raises:
        ModelError: there is no preset of that name.
    """
    from transformers import AutoConfig

    model_id = scales.SCALES[name].model_id if name in scales.SCALES else name
    if model_id not in PRESETS:
        raise ModelError(f"there is no twin of {name!r}: there are medium, large, {', '.join(PRESETS)}.")
    return AutoConfig.for_model(**(PRESETS[model_id] | overrides))


def twin(name: str, *, seed: int = 0, dtype: str = "bfloat16", device: str = "cpu", **overrides: Any) -> "PreTrainedModel":
    """A random model of a preset's shape, in eval mode.

    Memory is parameters x bytes of `dtype`, nothing more: weights are drawn in place. 7B in bf16 is 15.2 GB.

    Args:
        name: see `config`.
        seed: of the weights.
        dtype: name of a torch floating-point type.
        device: where the weights are drawn and stay; "meta" lays the model out without memory.
        overrides: see `config`.
    """
    import torch

    from harness.models.init import materialise

    return materialise(config(name, **overrides), seed=seed, std=STD, dtype=getattr(torch, dtype), device=device)
