"""The clock of suites/benchmarks, and that other sessions neither collect nor notice it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from harness.errors import MeasureError
from suites.benchmarks.race import Race, Seconds, check, seconds

ROOT = Path(__file__).parents[2]


class Shown:
    """Stands in for pytest-benchmark's fixture; counts what it was given."""

    def __init__(self):
        self.calls = 0

    def pedantic(self, run, rounds):
        self.calls += 1


def takes(amount):
    return lambda: Seconds(amount)


def test_the_ratio_of_two_runs_that_time_themselves():
    assert Race(Shown())("ours", ours=takes(0.2), reference=takes(0.8), agree=None) == pytest.approx(0.25)


def test_the_null_is_the_reference_against_itself():
    assert Race(Shown())("reference", ours=takes(0.2), reference=takes(0.8)) == 1.0


def test_one_slow_turn_does_not_move_the_median():
    turns = iter([0.1, 9.0, 0.1])
    ratio = Race(Shown())("ours", ours=lambda: Seconds(next(turns)), reference=takes(0.2), rounds=3, agree=None)
    assert ratio == pytest.approx(0.5)


def test_a_whole_call_counts_where_the_run_says_nothing():
    assert 0.01 <= seconds(lambda: time.sleep(0.01)) < 1.0


def test_pytest_benchmark_sees_the_first_replicate_alone():
    race = Race(shown := Shown())
    for _ in range(3):
        race("ours", ours=takes(0.2), reference=takes(0.8), agree=None)
    assert shown.calls == 1


def test_a_faster_way_to_another_result_is_refused():
    with pytest.raises(MeasureError, match="do not lead to the same result"):
        Race(Shown())("ours", ours=lambda: [1.0, 2.0], reference=lambda: [1.0, 2.1])


@pytest.mark.parametrize(
    ("ours", "reference"),
    [([1.0, 2.0], [1.0, 2.0 + 1e-9]), (torch.ones(3), [1.0, 1.0, 1.0]), ([[1, 2]], torch.tensor([[1.0, 2.0]]))],
    ids=["lists", "tensor", "nested"],
)
def test_results_of_any_kind_are_compared_by_value(ours, reference):
    check(ours, reference, 1e-8)


def test_results_of_another_shape_differ():
    with pytest.raises(MeasureError):
        check([1.0], [1.0, 1.0], 1e-8)


def collected(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "claim", "--collect-only", "-q", "--claim-nightly"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}  # not a worker's child
    return subprocess.run([*command, *arguments], cwd=ROOT, env=alone, capture_output=True, text=True, timeout=120, check=False)


def test_other_sessions_do_not_see_the_benchmarks():
    done = collected("suites")
    assert done.returncode == 0 and "benchmarks" not in done.stdout, done.stdout + done.stderr


def test_the_plugin_brings_them():
    done = collected("suites/benchmarks", "-p", "pytest_benchmark.plugin")
    assert done.returncode == 0 and "test_grpo_step_half[scale=tiny]" in done.stdout, done.stdout + done.stderr


def test_benchmarks_in_parallel_are_refused(tmp_path):
    """Two timings at once time each other."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_benchmark.plugin", "-n", "1"]
    only = ["-k", "test_write", "--claim-results", str(tmp_path), "suites/benchmarks"]
    done = subprocess.run([*command, *only], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "benchmarks in parallel time each other" in done.stdout, done.stdout + done.stderr
