from math import log, sqrt

import pytest
import torch

from harness import nulls
from harness.engine.weights_only import WeightsOnly
from harness.errors import MeasureError, SpecError, Unmatched
from harness.spectra import Change, matching


def simple(norm: float, **fields) -> Change:
    base = {"a": torch.ones(2, 2), "b": torch.ones(2, 2)}
    update = {"a": torch.full((2, 2), 0.5 * norm), "b": torch.zeros(2, 2)}
    update["b"][0, 0] = norm
    return Change(base, {name: d.double() for name, d in update.items()}, **fields)


def arm(label: str, gains: dict[int, float]) -> Change:
    """An arm whose norm is its step and which gained so much by then."""
    road = tuple((step, simple(step, gain=gain, capability={"addition": 0.3 + gain})) for step, gain in gains.items())
    step, gain = list(gains.items())[-1]
    last = dict(gain=gain, capability_bf16={"addition": 0.3 + gain})
    return simple(step, label=label, trajectory=road, arm=label, seed=3, run_keys=("k",), **last)


SLOW = arm("slow", {1: 0.0, 8: 0.10, 64: 0.22, 150: 0.31})
FAST = arm("fast", {1: 0.05, 8: 0.24, 64: 0.40})


def test_the_norm_takes_the_nearest_snapshot_on_the_log_and_every_matrix_to_its_norm():
    """Truth: 4 is nearer to 10 (a factor 2.5) than to 1 (a factor 4), though not in difference."""
    road = ((0, simple(0.0)), (1, simple(1.0)), (8, simple(10.0)), (9, simple(99.0)))
    change = simple(99.0, trajectory=road, arm="sft", seed=3, capability={"addition": 1.0}, gain=0.5)
    other = simple(4.0).scaled({"a": 1.0, "b": 2.0})
    matched = change.matched(other, on="update_norm")
    assert dict(matched.norm()) == pytest.approx({"a": 4.0, "b": 8.0}, rel=1e-14)
    assert matched.match["step"] == 8
    assert matched.match["ratio_before"] == pytest.approx(sqrt(200) / sqrt(80))
    assert matched.match["worst_matrix"] == pytest.approx(log(2.5))
    assert (matched.arm, matched.seed, matched.capability, matched.gain, matched.trajectory) == ("sft", 3, None, None, ())


def test_the_norm_without_trajectory_uses_the_end():
    size = pytest.approx(sqrt(2))
    assert simple(2.0).matched(simple(1.0)).match == {
        "on": "update_norm", "step": None, "target": size, "achieved": size, "ratio": 1.0,
        "ratio_before": pytest.approx(2.0), "worst_matrix": pytest.approx(log(2)),
    }  # fmt: skip


def test_the_gain_takes_the_nearest_snapshot_as_it_is():
    """Truth: fast gained .31 at its end; slow's nearest is its step 64 with .22 against .24 of fast's step 8."""
    matched = SLOW.matched(FAST.trajectory[1][1], on="gain")
    assert matched.match == {"on": "gain", "step": 64, "target": 0.24, "achieved": 0.22, "ratio": pytest.approx(0.22 / 0.24)}
    assert dict(matched.norm()) == dict(simple(64).norm())
    assert (matched.arm, matched.seed, matched.run_keys, matched.trajectory) == ("slow", 3, ("k",), ())
    assert matched.capability == {"addition": 0.52} and matched.capability_bf16 is None


def test_the_earliest_of_snapshots_of_one_gain_is_taken():
    flat = arm("flat", {1: 0.1, 2: 0.3, 4: 0.3})
    assert flat.matched(simple(1.0, gain=0.3), on="gain").match["step"] == 2


def test_a_match_on_no_gain_has_no_ratio():
    assert SLOW.matched(simple(1.0, gain=0.0), on="gain").match == {
        "on": "gain", "step": 1, "target": 0.0, "achieved": 0.0, "ratio": None,
    }  # fmt: skip


def test_gains_too_far_apart_are_refused_and_it_says_by_how_much():
    with pytest.raises(Unmatched, match=r"slow and fast cannot .*step 150\) gained 0.310 against 0.400, 0.090 off where 0.05"):
        SLOW.matched(FAST, on="gain")


def test_a_null_is_matched_at_the_snapshot_of_its_arm():
    """A surrogate was never evaluated; it keeps the gain of what it stands in for, so null and arm are matched alike."""
    generator = torch.Generator().manual_seed(0)
    noise = nulls.isotropic(SLOW, generator)
    other = nulls.isotropic(FAST.trajectory[1][1], generator)
    assert noise.capability is None
    assert noise.matched(other, on="gain").match == SLOW.matched(FAST.trajectory[1][1], on="gain").match
    assert dict(noise.matched(other, on="gain").norm()) == pytest.approx(dict(simple(64).norm()))


def test_steps_take_the_snapshot_of_the_others_end():
    matched = SLOW.matched(FAST, on="steps")
    assert matched.match == {"on": "steps", "step": 64, "target": 64, "achieved": 64, "ratio": 1.0}
    assert dict(matched.norm()) == dict(simple(64).norm()) and matched.gain == 0.22


def test_a_step_that_was_not_kept_is_refused_and_it_says_by_how_much():
    with pytest.raises(Unmatched, match=r"fast kept \[1, 8, 64\], not 150; the nearest is 86 steps off"):
        FAST.matched(SLOW, on="steps")


def test_matching_refuses_what_cannot_be_matched():
    with pytest.raises(MeasureError, match="the update of a is zero: a match on its norm is undefined"):
        simple(1.0).matched(simple(0.0))
    with pytest.raises(MeasureError, match="zero in every matrix"):
        simple(0.0).matched(simple(1.0))
    with pytest.raises(MeasureError, match="cannot match on 'loss': changes can be matched on 'update_norm', 'gain', 'steps'"):
        simple(1.0).matched(simple(1.0), on="loss")
    with pytest.raises(MeasureError, match="differ in their matrices"):
        simple(1.0).matched(Change({"a": torch.ones(2, 2)}, {"a": torch.ones(2, 2).double()}))
    with pytest.raises(MeasureError, match="the gain of other is not known: only trained arms"):
        SLOW.matched(simple(1.0, label="other"), on="gain")
    with pytest.raises(MeasureError, match="no gain of mine is known"):
        simple(1.0, label="mine").matched(FAST, on="gain")
    for one, other in ((SLOW, simple(1.0, label="short")), (simple(1.0, label="short"), SLOW)):
        with pytest.raises(MeasureError, match="short has no trajectory"):
            one.matched(other, on="steps")


def test_steps_are_matched_by_a_recipe_and_not_afterwards():
    for one in (SLOW, WeightsOnly(SLOW, "slow")):
        with pytest.raises(SpecError, match="matched before training.* recipe of slow an adapter with matches='fast'") as refused:
            one.matched(FAST, on="step_norm")
        assert not isinstance(refused.value, MeasureError)


@pytest.mark.parametrize(
    ("one", "other", "on"),
    [
        (SLOW, FAST, "loss"),
        (simple(0.0), SLOW, "update_norm"),
        (SLOW, simple(1.0), "gain"),
        (simple(1.0), SLOW, "gain"),
        (SLOW, simple(1.0), "steps"),
    ],
    ids=["on", "zero", "gain-of-other", "own-gain", "steps"],
)
def test_what_is_not_known_is_an_error_and_no_failed_match(one, other, on):
    with pytest.raises(MeasureError) as refused:
        one.matched(other, on=on)
    assert not isinstance(refused.value, Unmatched)


def test_matches_inside_a_block_are_recorded_with_both_labels(weights):
    base = {"q": weights(6, 4)}
    one, other = (Change.from_weights(base, {"q": base["q"] + scale * weights(6, 4)}, label=f"arm-{scale}") for scale in (0.1, 0.3))
    with matching.recorded() as achieved:
        one.matched(other)
    one.matched(other)
    [record] = achieved
    assert (record["arm"], record["to"], record["on"]) == ("arm-0.1", "arm-0.3", "update_norm")
    assert record["achieved"] == record["target"] and record["ratio_before"] < 1
