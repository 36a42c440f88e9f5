"""The model with an adapter beside or merged, and the preflight on a policy gradient: on a model that knows nothing yet."""

import pytest
import torch
from harness.errors import SpecError
from harness.models import tiny
from harness.spectra import Change
from harness.tasks import registry
from harness.training.policy import Policy
from harness.training.runs import projections
from suites.adapter_precision.cycles import Adapters, adapters
from suites.adapter_precision.function import lost_by_merging
from suites.adapter_precision.policy_gradient import broken, look


@pytest.fixture(scope="module")
def blank():
    model, tokenizer = tiny.build(seed=0)
    model.to(torch.bfloat16).to(torch.float32)
    return Policy(model, tokenizer, registry.get("addition"))


@pytest.fixture(scope="module")
def arm(blank):
    draw = torch.Generator().manual_seed(1)
    base = {name: p.detach().clone() for name, p in blank.parameters(projections(dict(blank.model.named_parameters()))).items()}
    return Change(base, {name: torch.randn(w0.shape, generator=draw).double() for name, w0 in base.items()}, arm="rlvr", seed=0)


def test_fp32_loses_nothing_and_bf16_the_smaller_the_more(blank, arm):
    lost = [lost_by_merging(blank, arm, adapters(arm, size), "bf16") for size in (0.1, 1e-3, 1e-5)]
    assert lost_by_merging(blank, arm, adapters(arm, 1e-3), "fp32") == 0.0
    assert lost[0] < 0.1 < lost[1] < lost[2]


def test_an_update_below_every_half_step_is_lost_whole(blank, arm):
    """Limit: merged is the base, so |merged - beside| = |beside - base|."""
    tiny_update = {name: w0.double() * 2.0**-12 for name, w0 in arm.base.items()}
    assert lost_by_merging(blank, arm, Adapters(arm.base, tiny_update), "bf16") == pytest.approx(1.0)


def test_a_sound_adapter_is_ready_and_the_policy_left_alone(blank):
    before = {name: p.detach().clone() for name, p in blank.model.named_parameters()}
    assert look(blank, "lora", torch.Generator().manual_seed(0)).ready
    assert all(torch.equal(p, before[name]) for name, p in blank.model.named_parameters())


@pytest.mark.parametrize("way", broken())
def test_a_broken_one_is_named(blank, way):
    found = look(blank, "lora", torch.Generator().manual_seed(0), way)
    assert not found.ready and broken()[way] in found.sentence()


def test_other_ways_are_not_known(blank):
    with pytest.raises(SpecError, match="unknown way 'sideways' to break an adapter"):
        look(blank, "lora", torch.Generator().manual_seed(0), "sideways")
