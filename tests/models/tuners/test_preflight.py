"""The preflight: what moves, what waits, what is stuck and why, and a model that is left as it was."""

import pytest
import torch
from harness.errors import ModelError
from harness.models.adapters import Adaptation
from harness.models.tuners import adapt
from harness.models.tuners.preflight import preflight, require_ready
from torch import nn

SOUND = ("lora", "pissa", "milora", "geora", "lora_bottom", "svdiff", "svft", "lora_xs", "lora_frozen_a", "oft")


class Toy(nn.Module):
    """One linear layer with a norm behind it."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.q_proj, self.norm = nn.Linear(32, 16, bias=False), nn.LayerNorm(16)
        self.q_proj.weight.data = torch.randn(16, 32, generator=draw) / 6

    def forward(self, x):
        return self.norm(self.q_proj(x))


def adapted_toy(tuner, **given):
    return adapt(Toy(), Adaptation(tuner, rank=4, targets=("q_proj",), **given), 0)


def loss_of(made, scale=1.0):
    draw = torch.Generator().manual_seed(1)
    x, y = torch.randn(8, 32, generator=draw), torch.randn(8, 16, generator=draw)
    dtype = made.model.norm.weight.dtype
    return lambda: (made.model(x.to(dtype)) - y.to(dtype)).square().mean() * scale


def parts(names):
    return {name.split(".")[1] for name in names}


@pytest.mark.parametrize("tuner", SOUND)
def test_sound_adapters_are_ready(tuner):
    made = adapted_toy(tuner)
    found = preflight(made, loss_of(made))
    assert found.ready and set(found.moves) | set(found.waits) == set(made.trainable())


def test_a_of_lora_waits_for_b():
    """Truth: dL/dA = c B^T G = 0 while B = 0; A of PiSSA does not wait."""
    made = adapted_toy("lora")
    found = preflight(made, loss_of(made))
    assert parts(found.moves) == {"lora_B"} and parts(found.waits) == {"lora_A"}
    made = adapted_toy("pissa")
    assert preflight(made, loss_of(made)).waits == ()


def test_the_model_is_left_as_it_was():
    made = adapted_toy("lora")
    before = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    preflight(made, loss_of(made))
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in made.model.named_parameters())


def zeros(made):
    nn.init.zeros_(made.model.q_proj.lora_A["default"].weight)


def disabled(made):
    made.wrapper.base_model.disable_adapter_layers()


def merged(made):
    made.wrapper.merge_adapter()


def frozen(made):
    made.model.q_proj.lora_B["default"].weight.requires_grad_(False)


@pytest.mark.parametrize(
    ("breaks", "reason", "count"),
    [
        (zeros, "all factors beside them start at zero", 2),
        (disabled, "the adapter is disabled", 2),
        (merged, "the adapter is merged into its base", 2),
        (frozen, "their requires_grad is off", 1),
    ],
)
def test_what_is_broken_is_named(breaks, reason, count):
    made = adapted_toy("lora")
    breaks(made)
    found = preflight(made, loss_of(made))
    assert not found.ready and sum(reason in why for why in found.stuck.values()) == count
    with pytest.raises(ModelError, match="This lora would not train"):
        require_ready(made, loss_of(made))


def test_a_factor_that_the_tuner_freezes_is_not_lost():
    """MiCA's B and the A of lora_bottom with frozen_a do not train by design."""
    for made in (adapted_toy("mica"), adapted_toy("lora_bottom", settings=(("frozen_a", True),))):
        assert preflight(made, loss_of(made)).ready


def test_a_frozen_b_leaves_a_waiting_for_ever():
    """B = 0 and frozen: A's gradient is zero at every step, and the reason is the B beside it."""
    made = adapted_toy("lora")
    frozen(made)
    found = preflight(made, loss_of(made))
    assert found.moves == () and len(found.stuck) == 2


def test_an_underflow_in_fp16_is_told_from_a_zero():
    """A loss of 1e-9 has gradients below fp16's least number, 6e-8; the same in fp32 does not."""
    made = adapted_toy("lora")
    assert preflight(made, loss_of(made, 1e-9)).ready
    made.model.to(torch.float16)
    found = preflight(made, loss_of(made, 1e-6))
    assert any("lost below what float16 holds" in why for why in found.stuck.values())


def test_gradients_that_are_not_finite_are_stuck():
    made = adapted_toy("lora")
    found = preflight(made, loss_of(made, float("nan")))
    assert found.moves == () and any("not finite" in why for why in found.stuck.values())


def test_rewards_without_variance_and_losses_without_a_graph_are_said():
    made = adapted_toy("lora")
    equal = torch.ones(3, 4)
    found = preflight(made, loss_of(made, 0.0), rewards=equal)
    assert set(found.stuck) == set(made.trainable()) and all("no group of rewards" in why for why in found.stuck.values())
    varied = equal.clone()
    varied[0, 0] = 0
    assert preflight(made, loss_of(made), rewards=varied).ready
    found = preflight(made, lambda: torch.zeros(()))
    assert all("the loss has no graph" in why for why in found.stuck.values())


def test_a_loss_that_misses_the_layer_is_said():
    made = adapted_toy("lora")
    made.model.norm.weight.requires_grad_(True)
    found = preflight(made, lambda: made.model.norm.weight.sum())
    assert "norm.weight" in found.moves and len(found.stuck) == 2
    assert all("does not depend" in why for why in found.stuck.values())


def test_the_sentence_counts_and_gives_an_example():
    made = adapted_toy("lora")
    assert preflight(made, loss_of(made)).sentence() == "1 parameters get a gradient, 1 wait for them."
    merged(made)
    told = preflight(made, loss_of(made)).sentence()
    assert "2 get none, as the adapter is merged into its base (such as q_proj.lora_A" in told
