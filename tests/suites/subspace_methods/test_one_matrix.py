"""The one-matrix toy: its gradients, its count of a state, and that updates and weights belong together."""

import pytest
import torch
from suites.subspace_methods.one_matrix import SHAPES, elements, gradients, kept, rank, state_elements, stepped


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_share_a_product_of_rank_three(shape, rng):
    """Limit: the mean of many is the fixed part, and what is left of each is .3 of a Gaussian."""
    stream = gradients(rng, shape, 400)
    mean = sum(stream) / len(stream)
    values = torch.linalg.svdvals(mean)
    assert values[2] > 20 * values[3]
    assert (stream[0] - mean).std().item() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    ("method", "settings", "count"),
    [
        ("adamw", {}, 32768),
        ("galore", {"rank": 16}, 9216),
        ("fira", {"rank": 16}, 9217),
        ("apollo", {"rank": 16}, 9217),
        ("apollo-mini", {"rank": 1}, 577),
        ("muon", {}, 16384),
    ],
    ids=lambda each: str(each),
)
def test_states_are_as_large_as_measured_elsewhere(method, settings, count, rng):
    """Truth: the counts of the sheet's E13, taken from the authors' packages."""
    assert state_elements(method, rng, **settings) == count


def test_one_step_of_adamw_is_its_sign(rng):
    """Closed form: Adam's first step is lr G / (|G| + eps)."""
    stream = gradients(rng, (6, 4), 1)
    found = stepped("adamw", stream, rng, lr=0.1)
    torch.testing.assert_close(found.moved, -0.1 * stream[0].sign(), rtol=1e-5, atol=0.0)
    assert found.updates == []


def test_weights_move_along_the_updates(rng):
    """GaLore's convention: W_T - W_0 = - sum lr sqrt(1 - b2^t) / (1 - b1^t) U_t, in the weight's own orientation."""
    for shape in SHAPES:
        found = stepped("galore", gradients(rng, shape, 3), rng, rank=8, lr=0.1)
        factors = [0.1 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t) for t in (1, 2, 3)]
        assert found.updates[0].shape == shape
        torch.testing.assert_close(found.moved, -sum(f * u for f, u in zip(factors, found.updates, strict=True)))


def test_the_same_generator_repeats():
    one, two = (stepped("apollo", gradients(g, (8, 6), 2), g, rank=2).moved for g in map(seeded, (3, 3)))
    other = stepped("apollo", gradients(seeded(4), (8, 6), 2), seeded(4), rank=2).moved
    assert torch.equal(one, two) and not torch.equal(one, other)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_rank_counts_above_a_millionth(rng):
    values = torch.tensor([1.0, 1e-3, 2e-6, 5e-7], dtype=torch.float64)
    assert rank(torch.diag(values)) == 3


def test_counters_are_no_memory():
    counters = {"step": torch.tensor(1.0), "refreshes": torch.tensor(2), "shape": torch.tensor((2, 3))}
    state = counters | {"exp_avg": torch.zeros(2, 3)}
    assert elements(kept(state)) == 6
