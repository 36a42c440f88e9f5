import subprocess
import sys

import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import PRESETS, Subspace, SubspaceOptimizer, preset


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(rank=0), "rank 0 must be a whole number of at least 1"),
        (dict(rank=-3), "rank -3 must be"),
        (dict(rank=2.5), "rank 2.5 must be"),
        (dict(rank=True), "rank True must be"),
        (dict(refresh=0), "refresh interval 0 must be a whole number of at least 1, or None for never"),
        (dict(refresh=1.5), "refresh interval 1.5 must be"),
        (dict(projector="qr"), "projector 'qr' is not known; use svd, sara"),
        (dict(moments="drop"), "moments 'drop' is not known"),
        (dict(update="full"), "update 'full' is not known"),
        (dict(late_projector="late"), "late_projector 'late' is not known"),
        (dict(bits=2), "bits 2 is not known; use None, 4, 8"),
        (dict(limiter=0.9), "limiter 0.9 lies below 1"),
        (dict(scale=0.0), "scale 0.0 must lie above 0"),
        (dict(mix=1.0), "mix 1.0 must lie in"),
        (dict(reset_share=0.0), "reset_share 0.0 must lie in"),
        (dict(restart_warmup=-1), "is negative"),
        (dict(sketch=3), "a sketch of 3 rows is smaller than the rank"),
        (dict(sketch=8, sketch_rank=9), "sketch_rank 9 must be a whole number from 0 to the 8 rows of its"),
        (dict(sketch=8, sketch_rank=1.5), "sketch_rank 1.5 must be"),
        (dict(bits=4, sketch=8), "does not stay off the subspaces"),
        (dict(recompute=True), "only a random P can be recomputed, not 'svd'"),
        (dict(second="factored", update="channel"), "update 'channel' needs the second moment of Adam"),
        (dict(second="none", feedback=True), "error feedback needs"),
        (dict(projector="power", exact=True), "exact is for projector 'svd', not 'power'"),
    ],
    ids=str,
)
def test_a_wrong_setting_says_what_is_wrong(change, says):
    with pytest.raises(SpecError, match=says):
        Subspace(**{"rank": 4, **change})


@pytest.mark.parametrize(("shape", "most"), [((6, 9), 6), ((9, 6), 6)], ids=str)
def test_a_rank_above_the_dimension_is_refused_and_the_dimension_itself_is_not(shape, most):
    parameter = torch.nn.Parameter(torch.zeros(shape))
    SubspaceOptimizer([parameter], subspace=Subspace(rank=most))
    with pytest.raises(SpecError, match=rf"rank 7 of parameter 0, {shape[0]} x {shape[1]}, where 6 is all there is"):
        SubspaceOptimizer([parameter], subspace=Subspace(rank=most + 1))


@pytest.mark.parametrize(("side", "most"), [("left", 9), ("right", 6)])
def test_the_side_decides_how_large_a_rank_may_be(side, most):
    parameter = torch.nn.Parameter(torch.zeros(9, 6))
    SubspaceOptimizer([parameter], subspace=Subspace(rank=most, side=side))
    with pytest.raises(SpecError, match=f"where {most} is all there is"):
        SubspaceOptimizer([parameter], subspace=Subspace(rank=most + 1, side=side))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(lr=-1.0), "learning rate -1.0 is negative"),
        (dict(betas=(1.0, 0.9)), r"betas \(1.0, 0.9\) must lie in"),
        (dict(eps=-1e-8), "eps -1e-08 is negative"),
        (dict(weight_decay=-0.1), "weight decay -0.1 is negative"),
        (dict(subspace="galore"), "must be a Subspace or None, not 'galore'"),
    ],
    ids=str,
)
def test_a_wrong_group_says_what_is_wrong(change, says):
    with pytest.raises(SpecError, match=says):
        SubspaceOptimizer([torch.nn.Parameter(torch.zeros(4, 4))], **change)


def test_complex_parameters_are_refused():
    with pytest.raises(SpecError, match="parameter 1 is torch.complex64"):
        SubspaceOptimizer([torch.nn.Parameter(torch.zeros(4, 4)), torch.nn.Parameter(torch.zeros(4, 4, dtype=torch.complex64))])


@pytest.mark.parametrize("name", PRESETS, ids="preset={}".format)
def test_options_survive_as_plain_values(name):
    options = preset(name)["subspace"]
    plain = options.plain()
    assert Subspace(**plain) == options
    assert all(value is None or isinstance(value, (bool, int, float, str)) for value in plain.values())


def test_refreshes_fall_on_the_first_step_and_every_t_after():
    assert [t for t in range(1, 14) if Subspace(rank=1, refresh=5).due(t)] == [1, 6, 11]
    assert [t for t in range(1, 14) if Subspace(rank=1, refresh=None).due(t)] == [1]


def test_a_restart_warms_up_and_the_first_window_does_not():
    options = Subspace(rank=1, refresh=4, restart_warmup=3)
    assert [options.warmth(t) for t in range(1, 9)] == pytest.approx([1, 1, 1, 1, 1 / 3, 2 / 3, 1, 1])


def test_the_package_imports_torch_and_errors_alone():
    """Training imports optimizers, never the reverse."""
    code = "import sys, harness.optimizers; print(*{'.'.join(m.split('.')[:2]) for m in sys.modules if m[:8] == 'harness.'})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(found) == {"harness.errors", "harness.optimizers"}
