import pytest
import torch

from harness.errors import ModelError
from harness.models import scales
from harness.models.twin import PRESETS, config, twin
from harness.models.weights import matrices

# as published with the models
PARAMETERS = {
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
}


@pytest.mark.parametrize("model_id", PRESETS)
def test_twin_has_the_real_parameter_count(model_id):
    model = twin(model_id, device="meta")
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[model_id]


@pytest.mark.parametrize("scale", ["medium", "large"])
def test_scales_with_a_hub_model_have_a_twin(scale):
    assert scales.get(scale).model_id in PRESETS
    assert config(scale).num_hidden_layers == 28


def test_cut_twin_computes_and_repeats():
    small = dict(num_hidden_layers=1, vocab_size=64, hidden_size=128, intermediate_size=256)
    first, again = (twin("medium", seed=1, dtype="float32", **small) for _ in range(2))
    tokens = torch.arange(8)[None]
    with torch.no_grad():
        logits = first(tokens).logits
        assert bool(logits.isfinite().all())
        assert torch.equal(logits, again(tokens).logits)
    assert matrices(first)["layers.0.mlp.up_proj"].std().item() == pytest.approx(0.02, rel=0.02)


def test_rotary_frequencies_of_a_twin_are_the_real_ones():
    """Llama 3.1 stretches them; a twin that kept meta-device garbage would not show it in its weights."""
    model = twin("meta-llama/Llama-3.1-8B", num_hidden_layers=1, vocab_size=8, intermediate_size=8, hidden_size=256, head_dim=128)
    inverse = model.model.rotary_emb.inv_freq
    assert inverse[0].item() == 1.0
    assert inverse[-1].item() == pytest.approx(500000.0 ** -(126 / 128) / 8, rel=1e-5)


def test_dtype_is_as_asked_for():
    model = twin("medium", num_hidden_layers=1, vocab_size=8, hidden_size=128, intermediate_size=64)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}


def test_unknown_twin_is_refused():
    with pytest.raises(ModelError, match="there is no twin of 'small'"):
        config("small")
