"""All projections restored or swapped, on models whose success is a known function of their weights."""

from types import SimpleNamespace

import harness as h
import pytest
import torch
from harness.models import tiny
from harness.spectra import Change
from harness.tasks import registry
from harness.training.policy import Policy
from suites.iso import whole_model
from suites.iso.whole_model import Whole, exchanged, forget, success, whole

UP, DOWN, NORM = "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"
SHORT = {UP: "layers.0.mlp.up_proj", DOWN: "layers.1.mlp.down_proj"}
BASE, GAIN, REST = 0.2, 0.4, 0.05
HELD_OUT_SUCCESS = whole_model.held_out_success


class Known:
    """Success falls with the distance of the matrices to those of the arm, and rises by REST with its norms."""

    def __init__(self, first, last, state=None, asked=None):
        self.first, self.last, self.state = first, last, state
        self.task, self.asked = SimpleNamespace(name="sums"), [] if asked is None else asked

    def holding(self, state):
        assert state.keys() == self.first.keys()
        return Known(self.first, self.last, dict(state), self.asked)

    def success(self):
        self.asked.append(1)
        away, whole_way = (
            sum((self.last[name] - held[name]).double().square().sum() for name in SHORT) for held in (self.state, self.first)
        )
        rest = REST * torch.equal(self.state[NORM], self.last[NORM])
        return BASE + GAIN * (1 - (away / whole_way).sqrt().item()) + rest


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    for name in ("_SUCCESS", "_RESTORED", "_POLICIES", "_LAST"):
        monkeypatch.setattr(whole_model, name, {})
    monkeypatch.setattr(whole_model, "held_out_success", lambda policy: policy.success())
    forget()


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


@pytest.fixture
def states(generator):
    first = {UP: torch.randn(12, 8, generator=generator), DOWN: torch.randn(8, 12, generator=generator), NORM: torch.ones(8)}
    return first, {name: w0 + 0.05 * torch.randn(w0.shape, generator=generator) for name, w0 in first.items()}


@pytest.fixture
def policy(states):
    return Known(*states)


@pytest.fixture
def models(states, policy):
    return SimpleNamespace(base=lambda arm: policy, weights=lambda arm, step="last": states[0 if step == "first" else 1])


@pytest.fixture
def arm():
    return SimpleNamespace(graded="sums", run_keys=("a run",))


@pytest.fixture
def change(states):
    """The same two matrices as a Change, for the interventions of the library."""
    return Change.from_weights(*({short: side[name] for name, short in SHORT.items()} for side in states))


def real_policy(task):
    """A tiny model whose answers are far from uniform."""
    model, tokenizer = tiny.build(0)
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    return Policy(model, tokenizer, registry.get(task), temperature=0.8)


def held(made, others, matrices):
    """The share that the whole model should have with these matrices."""
    state = {**others, **{name: matrices[short] for name, short in SHORT.items()}}
    return (success(made.policy, state) - BASE) / (GAIN + REST)


def test_only_projections_are_changed(models, arm):
    assert Whole(models, arm).names == sorted(SHORT)


@pytest.mark.parametrize("values", ["base", "random", "none"])
def test_beside_is_the_intervention_of_the_library(values, models, arm, change, states):
    """Truth: harness.interventions on all matrices at once, in the order of their names."""
    rng = [torch.Generator().manual_seed(8) for _ in range(2)]
    made = {"base": h.restored_spectrum, "random": lambda c: h.random_spectrum(c, rng[0]), "none": lambda c: c.scaled(0.0)}
    whole_one = Whole(models, arm)
    wanted = held(whole_one, states[1], made[values](change).tuned())
    assert whole_one.beside(rng[1], values) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("part", ["spectrum", "frames", "random"])
def test_on_base_is_the_intervention_of_the_library(part, models, arm, change, states):
    rng = [torch.Generator().manual_seed(8) for _ in range(2)]
    made = {
        "spectrum": h.spectrum_alone,
        "frames": h.restored_spectrum,
        "random": lambda c: h.random_spectrum(c, rng[0], frames="base"),
    }
    whole_one = Whole(models, arm)
    wanted = held(whole_one, states[0], made[part](change).tuned())
    assert whole_one.on_base(rng[1], part) == pytest.approx(wanted, abs=1e-6)


def test_limits_are_by_hand(models, arm, generator):
    """The arm keeps all, its matrices all but REST, its other weights REST."""
    made = Whole(models, arm)
    assert made.gain == pytest.approx(GAIN + REST)
    assert made.beside(generator, "tuned") == pytest.approx(1.0)
    assert made.beside(generator, "none") == pytest.approx(REST / (GAIN + REST))
    assert made.on_base(generator, "both") == pytest.approx(GAIN / (GAIN + REST))


def test_values_move_and_frames_stay(generator):
    matrix = torch.randn(12, 8, generator=generator, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    shift = torch.linspace(0.1, -0.1, 8, dtype=torch.float64)
    assert torch.allclose(exchanged(matrix, shift), (u * (s + shift)) @ vh, atol=1e-12)


def test_a_success_is_asked_for_once_of_the_same_weights(policy, states):
    assert success(policy, states[1]) == success(policy, states[1]) == pytest.approx(BASE + GAIN + REST)
    assert len(policy.asked) == 1
    almost = {**states[1], NORM: torch.nextafter(states[1][NORM], torch.full((8,), 9.0))}
    success(policy, almost)
    assert len(policy.asked) == 2


@pytest.mark.parametrize("task", ["addition", "sorting"])
def test_success_is_that_of_the_policy(task):
    """Truth: Policy.held_out_success, which reads every prompt whole."""
    asked = real_policy(task)
    assert HELD_OUT_SUCCESS(asked) == pytest.approx(asked.held_out_success, rel=1e-4)


def test_restored_matrices_are_made_once(models, arm, generator, monkeypatch):
    first = Whole(models, arm).beside(generator, "base")
    monkeypatch.setattr(whole_model, "exchanged", None)
    other = Whole(models, arm)
    assert other.beside(generator, "base") == first and other.on_base(generator, "frames") < first


def test_the_last_arm_is_remembered_until_it_is_forgotten(models, arm):
    found = whole(models, arm)
    assert whole(models, arm) is found
    whole(models, SimpleNamespace(graded="sums", run_keys=("another",)))
    assert whole(models, arm) is not found
    forget()
    assert whole_model._LAST == {}


def test_a_part_that_does_not_exist_is_an_error(models, arm, generator):
    with pytest.raises(KeyError):
        Whole(models, arm).beside(generator, "other")
    with pytest.raises(KeyError):
        Whole(models, arm).on_base(generator, "other")
