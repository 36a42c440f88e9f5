"""What a user's checkpoint offers: every measure, null and plant reads it; what is unknown is said, never made up."""

import pytest
import torch

import harness as h
from harness import nulls
from harness.engine.weights_only import WeightsOnly
from harness.errors import MeasureError, Unavailable
from harness.nulls.registry import NULLS, PLANTS


@pytest.fixture
def arms():
    """Two arms on one base of two matrices, as checkpoints."""
    draw = torch.Generator().manual_seed(0)
    base = {name: torch.randn(32, 24, generator=draw) for name in ("layers.0.up", "layers.1.up")}

    def arm(name, size):
        tuned = {key: w0 + size * torch.randn(w0.shape, generator=draw) for key, w0 in base.items()}
        return WeightsOnly(h.Change.from_weights(base, tuned, label=name, arm=name, seed=0), name)

    return arm("rlvr", 1e-3), arm("sft", 1e-2)


@pytest.mark.parametrize("name", sorted(NULLS | PLANTS))
def test_every_null_and_plant_stands_in_for_it(name, arms):
    made = nulls.apply(name, arms[0], torch.Generator().manual_seed(1))
    assert isinstance(made, h.Change) and made.trajectory == () and made.arm == "rlvr"


@pytest.mark.parametrize(
    "measure", ["kappa", "normalized_spectral_shift", "principal_enrichment", "change_density", "energy_rank", "wedin_ratio"]
)
def test_measures_read_it_as_its_change(measure, arms):
    read = getattr(h, measure)
    assert dict(read(arms[0])) == dict(read(arms[0].change()))


def test_arithmetic_on_the_change_works(arms):
    rlvr, sft = arms
    assert rlvr.scaled(2.0).norm()["layers.0.up"] == pytest.approx(2 * rlvr.norm()["layers.0.up"])
    assert rlvr.seen_in("bf16").base.keys() == rlvr.base.keys() == rlvr.plus(sft).update.keys()
    assert rlvr.label == "rlvr" and "rlvr" in repr(rlvr)


def test_it_is_matched_on_the_norm_without_a_trajectory(arms):
    rlvr, sft = arms
    for one, other in ((sft, rlvr), (sft, rlvr.change()), (sft.change(), rlvr)):
        assert dict(one.matched(other).norm()) == pytest.approx(dict(rlvr.norm()))
    with pytest.raises(MeasureError, match="cannot match on 'size'"):
        sft.matched(rlvr, on="size")


@pytest.mark.parametrize(
    ("ask", "lacks"),
    [
        (lambda arm: arm.accuracy, "the held-out accuracy of rlvr"),
        (lambda arm: arm.accuracy_bf16, "the held-out accuracy of rlvr"),
        (lambda arm: arm.capability["addition"], "the held-out accuracy of rlvr"),
        (lambda arm: -arm.gain, "the gain in held-out accuracy of rlvr"),
        (lambda arm: list(arm.trajectory), "snapshots along the training of rlvr"),
        (lambda arm: arm.last_step(), "snapshots along the training of rlvr"),
        (lambda arm: arm.matched(arm, on="gain"), "the gain in held-out accuracy of rlvr, to match on"),
        (lambda arm: arm.matched(arm, on="steps"), "the steps of rlvr, to match on"),
        (lambda arm: arm.head_map, "the rotation that rlvr was trained in"),
    ],
    ids=["accuracy", "accuracy_bf16", "capability", "gain", "trajectory", "last_step", "on-gain", "on-steps", "head_map"],
)
def test_what_weights_do_not_tell_is_unavailable(ask, lacks, arms):
    with pytest.raises(Unavailable, match=f"^needs {lacks}: only its (last )?weights are at hand$"):
        ask(arms[0])


def test_a_name_that_no_change_has_stays_an_error(arms):
    with pytest.raises(AttributeError, match="nonsense"):
        arms[0].nonsense
