"""A diff within a time: what is begun, and that a second one goes on."""

from functools import partial

import pytest
from harness.engine import diff as engine
from harness.engine.diff import Asked, diff
from harness.engine.diff_budget import Budget, seconds_of
from harness.engine.diff_plan import Task
from harness.errors import StoreError
from harness.models.pair import Entry


def task(name, shape=(8, 8), draws=0):
    return Task(Entry(name, 0, "m", shape, "float32", "float32"), ((None, draws),))


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("10min", 600), ("1h", 3600), ("1.5h", 5400), (" 2m ", 120)])
def test_durations_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "ten minutes", "-5m", "0s", "1d", "1e3s", "m", "nan s"])
def test_what_is_no_duration_is_one_sentence(text):
    with pytest.raises(StoreError, match=r"--budget .* is no duration: write it as 90s, 10m or 1h"):
        seconds_of(text)


def run(budget, clock, tasks, seconds):
    """Names of the tasks that are handed out; each takes `seconds(task)`."""
    taken = []
    for each in budget.within(tasks):
        clock.now += seconds(each)
        budget.note(each, seconds(each))
        taken.append(each.name)
    return taken


def test_tasks_are_handed_out_until_the_next_would_not_be_done():
    clock = Clock()
    assert run(Budget(35.0, clock=clock), clock, [task(str(i)) for i in range(9)], lambda _: 10.0) == ["0", "1", "2"]


def test_one_of_each_module_is_measured_whatever_it_takes():
    clock = Clock()
    budget = Budget(1.0, ["0", "1", "2"], clock)
    assert run(budget, clock, [task(str(i)) for i in range(9)], lambda _: 10.0) == ["0", "1", "2"]


def test_a_small_one_does_not_jump_the_queue():
    clock = Clock()
    budget = Budget(100.0, clock=clock)
    budget.note(task("a"), 1.0)
    budget.note(task("b", (800, 800)), 200.0)
    assert run(budget, clock, [task("c"), task("d", (800, 800)), task("e")], lambda _: 1.0) == ["c"]


def test_a_shape_never_seen_is_reckoned_by_its_multiplications():
    budget = Budget(1.0, clock=Clock())
    assert budget.expected(task("a")) == 0.0
    budget.note(task("a", (8, 8)), 2.0)
    assert budget.expected(task("b", (16, 16))) == pytest.approx(16.0)
    assert budget.expected(task("b", draws=4)) == pytest.approx(6.0)
    budget.note(task("b", (16, 16)), 5.0)
    budget.note(task("c", (16, 16)), 7.0)
    assert budget.expected(task("d", (16, 16))) == 6.0


class Ticking(Clock):
    """A second passes with every look."""

    def __call__(self):
        self.now += 1.0
        return self.now


def test_a_second_diff_goes_on_from_the_first(small_model, tmp_path, monkeypatch):
    """One of each of two modules, then a third matrix, then the rest; each run has the rows of all so far."""
    monkeypatch.setattr(engine, "first_of_each", lambda entries, count: entries[:2])
    base, tuned = small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1)
    counts = []
    for seconds in (0.5, 1.5, None):
        monkeypatch.setattr(engine, "Budget", partial(Budget, clock=Ticking()))
        done = diff(Asked(base, tuned, budget=seconds, draws=0), tmp_path / "results", processes=1)
        counts.append(len({row["name"] for row in done.rows}))
        assert len(done.entries) == 4
    assert counts == [2, 3, 4]
    assert not list((tmp_path / "results" / "inflight").iterdir())


def test_the_budget_holds_over_processes_too(small_model, tmp_path):
    base, tuned = small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1)
    done = diff(Asked(base, tuned, budget=1e-6, draws=0), tmp_path / "results", processes=2)
    assert {row["module"] for row in done.rows} == {"mlp.up_proj", "self_attn.q_proj"}
    assert len({row["name"] for row in done.rows}) == 2
