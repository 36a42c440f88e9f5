"""What is timed is what is meant: gradients have their spectra, subspaces their overlaps, states their bytes."""

import pytest
import torch
from suites.benchmarks import optimizer_runs as runs
from suites.benchmarks.optimizer_memory import expected_bytes, measured, state_bytes, train
from suites.benchmarks.optimizer_training import optimizer, stack, training_step


@pytest.mark.parametrize("shape", [(48, 48), (32, 96), (96, 32)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_gradients_have_their_spectra(shape):
    power, noisy, flat = (runs.gradient(shape, kind, seed=3) for kind in runs.KINDS)
    values = torch.linalg.svdvals(power.double())
    assert torch.allclose(values[:8], 1 / torch.arange(1, 9, dtype=torch.float64), rtol=0.01)
    assert torch.equal(power, power.bfloat16().float())
    assert (noisy - power).norm() / power.norm() == pytest.approx(0.3, rel=0.1)
    assert (torch.linalg.svdvals(flat)[:8] > 2 * torch.linalg.svdvals(flat)[8]).all()
    assert torch.equal(flat, runs.gradient(shape, "flat", seed=3))


@pytest.mark.parametrize("shape", [(160, 160), (140, 300), (300, 140)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_all_ways_find_the_same_subspace_and_chance_does_not(shape):
    matrix = runs.gradient(shape, "noisy")
    directions, rank = runs.truth(matrix), min(shape) // 4
    for way in (runs.by_ours, runs.by_svd, runs.by_turned_svd):
        assert runs.shared(way(matrix, rank), directions) > 0.999
    assert runs.shared(runs.by_chance(matrix, rank), directions) == pytest.approx(0.25, abs=0.1)


def test_an_amortised_step_pays_a_share_of_the_refresh():
    assert runs.Cost(step=1.0, refresh=11.0).amortised(10) == pytest.approx(2.0)
    assert runs.Cost(step=1.0, refresh=11.0).amortised(1) == pytest.approx(11.0)


def test_refreshes_are_timed_where_they_are(monkeypatch):
    takes = iter([99.0, 1, 1, 1, 7, 1, 1, 1])
    monkeypatch.setattr(runs, "timed", lambda step: (next(takes), None))
    assert runs.cost(lambda: None) == runs.Cost(step=1.0, refresh=7.0)


def test_every_run_refreshes_on_the_same_of_its_steps(monkeypatch):
    """Two runs of one optimizer, as turns and replicates make them."""
    step = runs.our_step("galore", runs.gradient((24, 32), "noisy"), 4)
    [parameter] = step.__self__.param_groups[0]["params"]
    made = lambda: int(step.__self__.state[parameter]["refreshes"]) if step.__self__.state else 0  # noqa: E731

    def counted(run):
        before = made()
        run()
        return made() - before, None

    monkeypatch.setattr(runs, "timed", counted)
    assert [runs.cost(step) for _ in range(3)] == 3 * [runs.Cost(step=0, refresh=1)]


def test_a_training_step_lowers_the_loss_and_frees_gradients():
    for name in ("adamw", "adamw loop", "galore", "apollo", "apollo-mini"):
        step = training_step(name, width=16, rank=4, tokens=32)
        for _ in range(5):
            step()
    assert optimizer("adamw", stack(8), 2).defaults["fused"] and not optimizer("adamw loop", stack(8), 2).defaults["fused"]


@pytest.mark.parametrize("name", ["adamw", "galore", "apollo", "apollo-mini", "adamw per layer", "galore per layer"])
def test_state_bytes_are_the_papers_counts(name):
    model, chosen = train(name, width=32, blocks=1, rank=4, steps=2)
    assert state_bytes(chosen) == 2 * expected_bytes(name.removesuffix(" per layer"), (32, 128), 4)
    assert all(p.grad is None for p in model.parameters())


def test_a_peak_is_of_another_process():
    found = measured("weights")
    assert found.weights == pytest.approx(0.25) and found.state == 0.0
    assert found.weights < found.peak < 1.0


def test_a_missing_peer_is_named():
    assert "needs no-such_package" in runs.missing("no_such_package")
    assert runs.missing("torch") == "" or "bitsandbytes" in runs.missing("torch")
