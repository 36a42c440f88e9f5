"""Every way to spend one budget spends it, and what is cut is what is evaluated."""

import pytest
import torch
from harness.engine.lab import Lab
from harness.engine.language import LanguageRuns
from harness.spectra import Change
from harness import truncated, value_spectra
from harness.training import cache, lm
from suites.welore.allocations import allocation, compressed_loss, error
from tests.training.conftest import cache_folder, few_steps  # noqa: F401


@pytest.fixture
def weights():
    """A flat matrix, one that falls slowly and one that falls fast."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for name, (m, n), fall in (("a", (32, 16), 0.0), ("b", (16, 16), 1.0), ("c", (16, 48), 4.0)):
        u, v = (torch.linalg.qr(torch.randn(side, 16, generator=generator)).Q for side in (m, n))
        found[name] = (u * torch.logspace(0, -fall, 16)) @ v.T
    return found


def test_every_way_takes_the_same_share_of_ranks(weights):
    spectra = value_spectra(weights)
    ways = ("threshold", "energy", "random", "uniform")
    made = {by: allocation(spectra, by, 0.5, torch.Generator().manual_seed(1)) for by in ways}
    assert {each.total_reduction for each in made.values()} == {0.5}
    assert set(made["uniform"].kept.values()) == {8}
    assert made["threshold"].kept["c"] < made["threshold"].kept["b"] < made["threshold"].kept["a"]


def test_at_equal_parameters_no_more_are_spent(weights):
    spectra = value_spectra(weights)
    rule, even = (allocation(spectra, by, 0.5, None, "parameters") for by in ("threshold", "uniform"))
    cost = {name: sum(shape) for name, shape in rule.shapes.items()}
    spent, allowed = (sum(r * cost[name] for name, r in each.kept.items()) for each in (even, rule))
    assert allowed - max(cost.values()) < spent <= allowed


def test_the_error_is_that_of_the_truncated_matrices(weights):
    spectra = value_spectra(weights)
    chosen = allocation(spectra, "threshold", 0.5)
    cut = truncated(weights, chosen)
    lost = sum(d.square().sum().item() for d in cut.update.values())
    whole = sum(w.double().square().sum().item() for w in weights.values())
    assert error(spectra, chosen) == pytest.approx((lost / whole) ** 0.5, rel=1e-6)


def test_the_loss_is_that_of_the_model_with_its_matrices_cut(cache_folder, few_steps, monkeypatch):  # noqa: F811
    monkeypatch.setattr(lm, "EVALUATED", 8)
    cache.ensure(cache.Request("lm_adamw", "tiny", 0))
    lab = Lab("tiny")
    arm = lab.change("lm_adamw", 0)
    runs = LanguageRuns(lab, 0, [arm])
    assert compressed_loss(arm, runs, "nothing", 0.5) == runs.loss(arm)
    cut = truncated(arm.tuned(), allocation(value_spectra(arm.tuned()), "uniform", 0.5))
    placed = Change.from_weights(arm.base, {n: w.float() for n, w in cut.tuned().items()}, arm="lm_adamw")
    assert compressed_loss(arm, runs, "uniform", 0.5) == pytest.approx(runs.loss(placed), abs=1e-9)
    assert compressed_loss(arm, runs, "uniform", 0.5) != runs.loss(arm)
