"""Errors of a run at a step, and between two steps, on predictions that are given."""

from types import SimpleNamespace

import pytest
import torch
from suites.hypelora import bench as module
from suites.hypelora.bench import Bench, Said, between, frozen_less_trained

LONG = module.LONG


@pytest.fixture
def bench(monkeypatch):
    """One arm whose error and loss at a step are 1 / 8 + step / 1024 and 256 / step; another that says what is planted."""
    monkeypatch.setattr(module, "_REMEMBERED", {})
    made = Bench(None, torch.Generator().manual_seed(0))
    monkeypatch.setattr(made, "fit", lambda arm, step: 256 / step, raising=False)
    return made


@pytest.fixture
def arm():
    return SimpleNamespace(run_keys=("key",), seed=0)


def say(bench, arm, p, labels, step=LONG):
    module._REMEMBERED["key", step, "said"] = Said(torch.tensor(p, dtype=torch.float64).log(), torch.tensor(labels))


def test_a_line_is_followed_between_its_ends_and_not_beyond():
    assert between(1.5, (2.0, 1.0), (0.1, 0.3)) == pytest.approx(0.2)
    assert between(3.0, (2.0, 1.0), (0.1, 0.3)) == 0.1 and between(0.5, (2.0, 1.0), (0.1, 0.3)) == 0.3
    assert between(1.0, (1.0, 1.0), (0.1, 0.3)) == 0.3


def test_the_error_at_a_fit_lies_between_two_kept_steps(bench, arm, monkeypatch):
    monkeypatch.setattr(bench, "error", lambda arm, step: step / 1024)
    assert bench.error_at_fit(arm, 1.0) == 256 / 1024  # its end
    assert bench.error_at_fit(arm, 0.5) == 256 / 1024  # never fitted so far
    assert bench.error_at_fit(arm, 2.0) == 128 / 1024  # after half of the steps
    assert bench.error_at_fit(arm, 3.0) == pytest.approx(96 / 1024)  # half-way from 4 to 2
    assert bench.error_at_fit(arm, 1e6) == 1 / 1024


def test_errors_and_accuracy_are_those_of_what_is_said(bench, arm):
    say(bench, arm, [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]], [0, 1, 1])
    assert bench.accuracy(arm, LONG) == pytest.approx(2 / 3)
    assert bench.error(arm, LONG) == pytest.approx((0.1 + 0.8 + 0.3) / 3)
    assert bench.error(arm, LONG, temperature=1e6) == pytest.approx(abs(0.5 * 3 - 2) / 3, abs=1e-5)


def test_a_model_is_calibrated_beside_its_own_labels(bench, arm):
    say(bench, arm, [[0.7, 0.3]] * 4000, [1] * 4000)
    assert bench.error(arm, LONG) == pytest.approx(0.7)
    assert bench.error(arm, LONG, labels="own") < 0.03


def test_shuffled_answers_are_right_by_chance(bench, arm):
    p = [[0.9, 0.1], [0.1, 0.9]] * 2000
    say(bench, arm, p, [0, 1] * 2000)
    assert bench.accuracy(arm, LONG) == 1.0
    assert bench.accuracy(arm, LONG, shuffled=True) == pytest.approx(0.5, abs=0.04)


def test_lora_at_its_best_temperature_stands_in_for_the_frozen_arm(bench, arm):
    say(bench, arm, [[0.99, 0.01]] * 10, [0] * 6 + [1] * 4)
    module._REMEMBERED["key", LONG, "temperature"] = 11.3
    softer = bench.error(arm, LONG, temperature=11.3)
    assert frozen_less_trained(bench, None, arm, LONG, made="tempered") == pytest.approx(softer - 0.39) and softer < 0.01
