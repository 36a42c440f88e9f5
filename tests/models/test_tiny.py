import pytest
import torch
from transformers import LlamaForCausalLM

from harness.models import tiny


def test_a_seed_repeats_bit_for_bit_and_another_differs():
    first, again, other = (tiny.build(seed).model.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


def test_building_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    tiny.build(seed=0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_size_type_and_mode():
    model, tokenizer = tiny.build(seed=0)
    assert sum(p.numel() for p in model.parameters()) == 94_528
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not model.training
    assert model.config.vocab_size == len(tokenizer)


def test_weights_have_the_stated_distribution():
    model, _ = tiny.build(seed=0)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            standard_error = tiny.INIT_STD / (2 * parameter.numel()) ** 0.5
            assert parameter.std().item() == pytest.approx(tiny.INIT_STD, abs=5 * standard_error), name
        else:
            assert bool((parameter == 1).all()), name


def test_forward_equals_a_model_that_transformers_initialized():
    """The rotary frequencies are refilled after the meta device: with equal weights, logits are equal to the bit."""
    model, tokenizer = tiny.build(seed=0)
    reference = LlamaForCausalLM(tiny.config()).eval()
    reference.load_state_dict(model.state_dict())
    batch = tokenizer(["07+42=", "99+99="], return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(model(**batch).logits, reference(**batch).logits)
