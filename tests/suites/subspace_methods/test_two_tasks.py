"""Two tasks in a row: they are learned, equal generators pair, and each kind of protection is what it says."""

import pytest
import torch
from suites.subspace_methods import two_tasks
from suites.subspace_methods.two_tasks import HIDDEN, INPUTS, OUTPUTS, OWN, PROTECT, learned_in_turn, task


@pytest.fixture(scope="module")
def found():
    """Outcomes of one draw, by protection."""
    return {how: learned_in_turn(torch.Generator().manual_seed(100), how) for how in PROTECT}


def test_a_task_has_its_own_subspace_and_answers_of_about_unit_variance():
    one = task(torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(one.x)
    assert one.x.shape[1] == INPUTS and values[OWN - 1] > 5 * values[OWN]
    assert one.y.shape[1] == OUTPUTS and one.y.std().item() == pytest.approx(1.0, abs=0.01)


def test_all_are_the_same_until_the_first_task_ends(found):
    assert len({outcome.first[:2] for outcome in found.values()}) == 1
    assert len({outcome.second[0] for outcome in found.values()}) == 1
    assert all(outcome.dimensions == found["history"].dimensions for outcome in found.values())


def test_both_tasks_are_learned(found):
    before, after, _ = found["nothing"].first
    assert after < 0.5 * before
    assert found["nothing"].second[1] < 0.5 * found["nothing"].second[0]


def test_only_the_found_history_is_left_alone(found):
    assert max(found["history"].touched) < 1e-5
    assert min(found["nothing"].touched) > 0.01 and min(found["random"].touched) > 0.01


def test_standing_still_forgets_nothing_and_learns_nothing(found):
    still = found["still"]
    assert still.first[1] == still.first[2] and still.second[0] == still.second[1] and still.touched == [0.0, 0.0]


def test_a_history_leaves_room(found):
    """Limit: it is not all of the input side, or orthogonality would be empty."""
    first, second = found["history"].dimensions
    assert 0 < first < INPUTS and 0 < second < HIDDEN


def test_the_same_generator_repeats(monkeypatch):
    monkeypatch.setattr(two_tasks, "STEPS", 5)
    one, two = (learned_in_turn(torch.Generator().manual_seed(1)) for _ in range(2))
    assert one == two
