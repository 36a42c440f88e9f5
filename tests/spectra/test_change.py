from math import sqrt

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, PerMatrix


@pytest.fixture
def pair(weights):
    """Base and tuned weights of two matrices, changes spread over many sizes."""
    base = {"q": weights(6, 4), "o": weights(4, 9)}
    return base, {name: w + 10.0 ** -k * weights(*w.shape) for k, (name, w) in enumerate(base.items(), 1)}


def simple(norm: float, **fields) -> Change:
    base = {"a": torch.ones(2, 2), "b": torch.ones(2, 2)}
    update = {"a": torch.full((2, 2), 0.5 * norm), "b": torch.zeros(2, 2)}
    update["b"][0, 0] = norm
    return Change(base, {name: d.double() for name, d in update.items()}, **fields)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_base_plus_update_gives_the_tuned_weights_back_bit_for_bit(pair, dtype):
    base, tuned = ({name: w.to(dtype) for name, w in side.items()} for side in pair)
    change = Change.from_weights(base, tuned)
    short = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype]
    for name in base:
        assert torch.equal(change.tuned(short)[name], tuned[name])
        assert torch.equal(change.base[name], base[name].float())


def test_the_subtraction_is_not_rounded():
    """Truth: 1 + 2^-23 - 1e-10 keeps its last digit in fp64; fp32 gives 1."""
    base, tuned = {"w": torch.tensor([[1e-10]])}, {"w": torch.tensor([[1 + 2**-23]])}
    assert Change.from_weights(base, tuned).update["w"].item() == 1 + 2**-23 - base["w"].double().item()


def test_norms_are_those_of_numpy(pair):
    change = Change.from_weights(*pair)
    for name, d in change.update.items():
        truth = sqrt(sum(x * x for x in d.flatten().tolist()))
        assert change.norm()[name] == pytest.approx(truth, rel=1e-12)
        size = sqrt(sum(x * x for x in change.base[name].flatten().tolist()))
        assert change.relative_norm()[name] == pytest.approx(truth / size, rel=1e-12)
    assert dict(change.norm().sizes) == {"q": 24, "o": 36}


def test_scaling_scales_update_and_snapshots_and_forgets_capability():
    change = simple(2.0, trajectory=((1, simple(1.0)),), capability={"addition": 0.5}, gain=0.1)
    assert dict(change.scaled(3.0).norm()) == {"a": 6.0, "b": 6.0}
    assert dict(change.scaled(PerMatrix({"a": 1.0, "b": 0.0})).norm()) == {"a": 2.0, "b": 0.0}
    assert dict(change.scaled(3.0).trajectory[0][1].norm()) == {"a": 3.0, "b": 3.0}
    assert change.scaled(3.0).capability is None and change.scaled(3.0).gain is None


def test_what_bf16_storage_shows_is_the_difference_of_rounded_weights(pair):
    base, tuned = pair
    change = Change.from_weights(base, tuned, trajectory=((1, Change.from_weights(base, tuned)),))
    for seen in (change.seen_in("bf16"), change.seen_in("bf16").trajectory[0][1]):
        for name in base:
            before, after = base[name].bfloat16(), tuned[name].bfloat16()
            assert torch.equal(seen.base[name], before.float())
            assert torch.equal(seen.update[name], after.double() - before.double())


ONE = {"w": torch.ones(2, 2)}
BAD = {
    "nan in tuned": (ONE, {"w": torch.full((2, 2), float("nan"))}, "the tuned weights of w holds 4 entries"),
    "inf in base": ({"w": torch.full((2, 2), float("inf"))}, ONE, "the base of w holds 4 entries"),
    "another shape": (ONE, {"w": torch.ones(2, 3)}, r"w is \(2, 2\) in the base and \(2, 3\) in the tuned"),
    "another name": (ONE, {"w": torch.ones(2, 2), "x": torch.ones(2, 2)}, "x is in the tuned only"),
    "a vector": ({"w": torch.ones(2)}, {"w": torch.ones(2)}, "2-D matrices only"),
    "nothing": ({}, {}, "at least one"),
}


@pytest.mark.parametrize("base, tuned, message", BAD.values(), ids=BAD.keys())
def test_bad_weights_are_refused_in_one_sentence(base, tuned, message):
    with pytest.raises(MeasureError, match=message):
        Change.from_weights(base, tuned)


def test_wrong_dtypes_are_refused():
    with pytest.raises(MeasureError, match="the update of w is torch.float32, not torch.float64"):
        Change(ONE, ONE)


def test_two_updates_of_one_base_add_up(pair):
    change = Change.from_weights(*pair)
    twice = change.plus(change)
    for name, d in change.update.items():
        assert torch.equal(twice.update[name], 2 * d)
    assert twice.trajectory == () and twice.capability is None


def test_updates_of_two_bases_do_not_add(pair):
    base, tuned = pair
    other = Change.from_weights({name: w + 1 for name, w in base.items()}, {name: w + 1 for name, w in tuned.items()})
    with pytest.raises(MeasureError, match="the bases differ in q"):
        Change.from_weights(base, tuned).plus(other)


def test_the_last_step_is_the_difference_of_the_last_two_snapshots():
    path = tuple((step, simple(norm)) for step, norm in ((1, 0.25), (3, 1.0), (4, 1.5)))
    step = simple(1.5, trajectory=path, capability={"t": 1.0}, graded="t").last_step()
    assert step.norm()["b"] == 0.5 and step.accuracy is None
    assert torch.equal(step.base["a"], simple(1.0).tuned()["a"])
    for kept in ((), path[:1], path[::2]):
        with pytest.raises(MeasureError, match="the last two steps of .* were not both kept"):
            simple(1.5, trajectory=kept).last_step()


def test_accuracy_is_that_of_the_graded_task_where_one_was_measured():
    known = simple(1.0, capability={"t": 0.25, "u": 1.0}, capability_bf16={"t": 0.5, "u": 1.0}, graded="t")
    assert (known.accuracy, known.accuracy_bf16) == (0.25, 0.5)
    assert simple(1.0).accuracy is None and simple(1.0, graded="t").accuracy_bf16 is None
