"""What is timed is what is meant: three checkpoints of one base, the same result by both ways, a process's own peak."""

import pytest
import torch
from harness.errors import MeasureError
from harness.models.checkpoint import Checkpoint
from suites.benchmarks import merge_process as process
from suites.benchmarks.merge_runs import OPTIONS, RELATIVE, read, read_rate, undecided, written

SMALL = dict(layers=1, hidden=64, ffn=96, heads=4, kv_heads=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return written(tmp_path_factory.mktemp("three"), seed=1, **SMALL)


def test_two_experts_of_one_base(folders):
    base, *experts = (Checkpoint(folder) for folder in folders.all)
    name = "model.layers.0.mlp.up_proj.weight"
    w0, *others = (model.tensor(name).double() for model in (base, *experts))
    noise, low = (torch.linalg.svdvals(w - w0) for w in others)
    for values in (noise, low):
        assert values.norm() / w0.norm() == pytest.approx(RELATIVE, rel=0.1)
    assert low[8] / low[0] < 0.4 < noise[8] / noise[0]  # rank 8, and what rounding adds
    assert not (folders.base.parent / "again" / "base").exists()


def test_rates_are_of_all_bytes(folders):
    assert folders.bytes > 3 * 2 * (4 * 64 * 64 + 3 * 64 * 96)
    assert read(folders) == read(folders) > 0
    assert min(read_rate(folders, cold=cold, rounds=1) for cold in (True, False)) > 0


def test_a_merge_is_of_another_process(folders, tmp_path):
    found = process.merged("harness", "task-arithmetic", folders, tmp_path / "out")
    assert found.cpu > 0 and 0.05 < found.peak < 2.0
    base, noise, low, out = (Checkpoint(folder) for folder in (*folders.all, tmp_path / "out"))
    for name in out.shapes:
        w0, *others = (model.tensor(name).float() for model in (base, noise, low))
        wanted = w0 + OPTIONS["task-arithmetic"]["lam"] * sum(w - w0 for w in others)
        assert torch.equal(out.tensor(name), wanted.bfloat16())
    assert process.furthest(tmp_path / "out", tmp_path / "out", "task-arithmetic", folders) == 0.0
    assert process.furthest(tmp_path / "out", folders.base, "task-arithmetic", folders) > 0.0


def test_other_tensors_are_refused(folders, tmp_path):
    other = written(tmp_path, seed=1, **SMALL | {"layers": 2})
    with pytest.raises(MeasureError, match="do not have the same tensors"):
        process.furthest(folders.base, other.base, "mean", folders)


def test_many_entries_of_a_bf16_update_are_at_the_threshold_of_ties(folders):
    """Which of them are kept is not decided by their size."""
    shares = [undecided(f"model.layers.0.mlp.{leaf}_proj.weight", folders).double().mean() for leaf in ("up", "down")]
    assert all(0.1 < share < 0.4 for share in shares)


@pytest.mark.skipif(bool(process.NO_MERGEKIT), reason=process.NO_MERGEKIT)
@pytest.mark.parametrize("method", OPTIONS)
def test_mergekit_makes_the_same_model(method, folders, tmp_path):
    outs = {way: tmp_path / way for way in process.WAYS}
    for way, out in outs.items():
        process.merged(way, method, folders, out)
    assert process.furthest(*outs.values(), method, folders) < 2**-8
