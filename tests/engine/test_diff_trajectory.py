"""`harness diff BASE --trajectory DIR`: every base read once, every step through it, and no step holds up the others."""

from pathlib import Path

import pytest
from harness.engine import matrix_rows
from harness.engine.diff import Asked, diff
from harness.engine.diff_workers import Measuring
from harness.errors import ModelError
from harness.store.reader import query

STEPS = (5, 10, 20)


@pytest.fixture
def base(small_model, tmp_path):
    return small_model(tmp_path / "base")


@pytest.fixture
def run(small_model, tmp_path):
    for step in STEPS:
        small_model(tmp_path / "run" / f"checkpoint-{step}", noise=step / 100, seed=step)
    return tmp_path / "run"


def measured(base, run, tmp_path, processes=1, **given):
    return diff(Asked(base, trajectory=str(run), **given), tmp_path / "results", processes=processes)


def test_rows_of_a_step_are_those_of_its_pair(base, run, tmp_path):
    done = measured(base, run, tmp_path)
    pair = diff(Asked(base, str(run / "checkpoint-20")), tmp_path / "other", processes=1)
    ours, theirs = ({(row["name"], row["metric"]): row for row in rows} for rows in ([r for r in done.rows if r["step"] == 20], pair.rows))
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        for column in ("value", "null_mean"):
            assert (row.get(column) or 0.0) == pytest.approx(theirs[key].get(column) or 0.0, rel=1e-6), key
        assert row["tuned"] == str(run / "checkpoint-20")


def test_rows_are_stored_with_their_step(base, run, tmp_path):
    measured(base, run, tmp_path, draws=0)
    found = query(tmp_path / "results", "select step, count(distinct name) as n from matrices group by step order by step").to_pylist()
    assert found == [{"step": step, "n": 4} for step in STEPS]


def test_a_base_is_read_and_decomposed_once(base, run, tmp_path, monkeypatch):
    made, real = [], matrix_rows.MatrixReader

    def counting(*args, **given):
        made.append(given["frame"])
        return real(*args, **given)

    monkeypatch.setattr(matrix_rows, "MatrixReader", counting)
    measured(base, run, tmp_path, draws=0)
    assert made == ["full"] * 4


def test_two_processes_measure_every_step(base, run, tmp_path):
    done = measured(base, run, tmp_path, draws=0, processes=2)
    assert {(row["name"], row["step"]) for row in done.rows} == {(entry.name, step) for entry in done.entries for step in STEPS}


def test_a_killed_trajectory_goes_on_at_the_step_where_it_was(base, run, tmp_path, monkeypatch):
    """Killed after five readings: all of one matrix and two steps of the next."""
    real, seen = Measuring.__call__, []

    def dies(self, task):
        for found in real(self, task):
            if len(seen) == 5:
                raise KeyboardInterrupt
            seen.append((found.name, found.step))
            yield found

    monkeypatch.setattr(Measuring, "__call__", dies)
    with pytest.raises(KeyboardInterrupt):
        measured(base, run, tmp_path, draws=0)

    def watched(self, task):
        for found in real(self, task):
            seen.append((found.name, found.step))
            yield found

    monkeypatch.setattr(Measuring, "__call__", watched)
    measured(base, run, tmp_path, draws=0)
    assert len(seen) == len(set(seen)) == 12


def test_a_run_that_got_further_measures_its_new_steps_alone(base, run, tmp_path, small_model, monkeypatch):
    """The journal stays while a step is damaged; whole again, and with a new one beside it, only those two are measured."""
    whole = (run / "checkpoint-10" / "model.safetensors").read_bytes()
    (run / "checkpoint-10" / "model.safetensors").write_bytes(whole[:-100])
    first = measured(base, run, tmp_path)
    assert {row["step"] for row in first.rows} == {5, 20} and len(first.troubles) == 1
    (run / "checkpoint-10" / "model.safetensors").write_bytes(whole)
    small_model(run / "checkpoint-40", noise=0.4)
    seen, real = set(), Measuring.__call__

    def watched(self, task):
        for found in real(self, task):
            seen.add(found.step)
            yield found

    monkeypatch.setattr(Measuring, "__call__", watched)
    done = measured(base, run, tmp_path)
    assert seen == {10, 40} and done.troubles == ()
    assert {row["step"] for row in done.rows} == {5, 10, 20, 40}
    assert not list((tmp_path / "results" / "inflight").iterdir())


def test_a_step_that_changes_while_it_is_read_is_said_once(base, run, tmp_path, monkeypatch):
    real, seen = Measuring.__call__, []

    def grows(self, task):
        seen.append(task)
        if len(seen) == 2:
            with (run / "checkpoint-10" / "model.safetensors").open("ab") as file:
                file.write(b"more")
        return real(self, task)

    monkeypatch.setattr(Measuring, "__call__", grows)
    done = measured(base, run, tmp_path, draws=0)
    [trouble] = done.troubles
    assert trouble.startswith("step 10 is not measured on every matrix: ") and "changed while it was read" in trouble
    counts = {step: len({row["name"] for row in done.rows if row["step"] == step}) for step in STEPS}
    assert counts == {5: 4, 10: 1, 20: 4}


def test_a_base_that_cannot_be_read_stops_it(base, run, tmp_path):
    Path(base, "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError, match="base.* is not a whole safetensors file"):
        measured(base, run, tmp_path)
