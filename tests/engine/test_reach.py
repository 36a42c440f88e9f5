"""The reach bench: that it repeats, that a class is met by those in it and by no other, and its sentences for bad input."""

import pytest
import torch
from harness.engine import reach, reach_class, reach_rows
from harness.errors import MeasureError, SpecError, TrainingError
from harness.models.adapters import TUNERS
from harness.models.tuner_table import REACHES

SEED = 7


@pytest.fixture(scope="module")
def measured():
    """measured(tuner, **how): each kept, since several tests read the same."""
    known = {}

    def get(tuner, **how):
        key = (tuner, *sorted(how.items()))
        if key not in known:
            known[key] = reach.measure(tuner, SEED, **how)
        return known[key]

    return get


def test_lora_is_what_its_factors_are(measured):
    """Truth: r (m + n) parameters a matrix, rank r, nothing at the start, and peft's own merge."""
    found = measured("lora", steps=4, on_the_way=True)
    assert found.parameters == sum(8 * sum(w.shape) for w in found.base.values())
    assert found.start == 0.0 and found.merge < 1e-5
    assert len(found.matrices) == 14 and found.unmoved == () and set(found.path) == set(found.matrices)
    assert max(each.rank for each in found.each()) == 8
    assert found.loss[1] < found.loss[0]


def test_it_repeats_and_leaves_the_global_generator(measured):
    state = torch.get_rng_state()
    again = reach.measure("lora", SEED, steps=4, on_the_way=True)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(w, again.merged[name]) for name, w in measured("lora", steps=4, on_the_way=True).merged.items())
    other = reach.measure("lora", SEED + 1, steps=1)
    assert all(not torch.equal(w, other.base[name]) for name, w in again.base.items())


def test_updates_are_what_merged_matrices_differ_by(measured):
    found = measured("lora", steps=4, on_the_way=True)
    for name, each in found.matrices.items():
        d = found.merged[name].double() - found.base[name].double()
        assert each.rel == pytest.approx((d.norm() / found.base[name].double().norm()).item(), rel=1e-12)


def test_means_and_chance(measured):
    """Truth: chance is k / m, averaged over seven shapes as the sheet gives it."""
    found = measured("lora", steps=4, on_the_way=True)
    assert found.mean("chance_left") == pytest.approx(0.107, abs=5e-4)
    assert found.mean("chance_right") == pytest.approx(0.116, abs=5e-4)
    assert found.over_chance("p_left") == pytest.approx(found.mean("p_left") / found.mean("chance_left"))
    assert found.chance_of_a_side() == pytest.approx(0.1115, abs=5e-4)


def test_a_rotation_keeps_the_spectrum_and_lora_does_not(measured):
    assert max(each.resid for each in measured("oft", steps=4).each()) < 1e-5
    assert measured("lora", steps=4, on_the_way=True).mean("resid") > 0.1


def test_sgd_and_adamw_differ_and_a_rate_is_taken(measured):
    lengths = {reach.measure("lora", SEED, steps=1, **how).mean("rel")
               for how in ({}, {"optimizer": "sgd"}, {"optimizer": "sgd", "rate": 0.5})}  # fmt: skip
    assert len(lengths) == 3


def test_start_alone_is_that_of_a_run(measured):
    assert reach.start_difference("lora", SEED) == measured("lora", steps=4, on_the_way=True).start
    assert reach.start_difference("lora_init_false", SEED) > 1e-2


# classes


def test_every_reach_that_can_be_measured_has_a_criterion():
    assert set(reach_class.EXACT) == set(REACHES) - {"none"}
    for tuner, row in TUNERS.items():
        if reach_class.judged(row):
            assert reach_class.criterion(tuner).null in TUNERS


@pytest.mark.parametrize("name", [name for name, each in reach_class.EXACT.items() if name not in ("any", "full")])
def test_plain_lora_is_in_no_class_but_its_own(measured, name):
    """Limit: the null of every other class."""
    wanted = reach_class.EXACT[name]
    assert wanted.null == "lora"
    assert not wanted.holds(wanted.read(measured("lora", on_the_way=True)))


def test_rank_tells_a_rotation_from_lora(measured):
    any_, full = reach_class.EXACT["any"], reach_class.EXACT["full"]
    assert any_.holds(any_.read(measured("lora", on_the_way=True))) and not any_.holds(any_.read(measured("oft", steps=4)))
    assert full.holds(full.read(measured("oft", steps=4))) and not full.holds(full.read(measured("lora", on_the_way=True)))


def test_a_first_step_tells_pissa_from_lora():
    wanted = reach_class.criterion("pissa")
    read = {tuner: wanted.read(reach.measure(tuner, SEED, steps=1, optimizer="sgd")) for tuner in ("pissa", "lora")}
    assert wanted.first and wanted.holds(read["pissa"]) and not wanted.holds(read["lora"])
    assert wanted.text() == "> 3"


def test_a_start_away_from_zero_is_allowed_twice_the_rank():
    assert reach_class.criterion("lora") is reach_class.BEYOND
    assert reach_class.criterion("lora_ga") is reach_class.BEYOND_TWICE


# rows


def test_a_row_checks_class_start_and_spectrum():
    found = reach_rows.row("oft", SEED, steps=3)
    assert [each.says for each in found.checks] == ["sigma and left frame", "start", "resid"] and found.holds
    assert [each.says for each in reach_rows.row("lora", SEED, steps=3).checks] == ["energy beyond r", "start"]


def test_what_cannot_be_trained_says_why_and_counts_for_nothing():
    [found] = reach_rows.rows(["prompt_tuning"], SEED)
    assert found.holds is None and found.measured is None and found.why == TUNERS["prompt_tuning"].why


def test_a_tuner_that_fails_is_a_row_and_the_next_is_measured(monkeypatch):
    inner = reach.measure

    def broken(tuner, *args, **how):
        if tuner == "oft":
            raise TypeError("an argument is gone")
        return inner(tuner, *args, **how)

    monkeypatch.setattr(reach, "measure", broken)
    first, second = reach_rows.rows(["oft", "lora"], SEED, 1)
    assert (first.holds, first.failed, first.why) == (False, True, "TypeError: an argument is gone")
    assert second.holds


def test_a_class_that_is_not_met_is_told(monkeypatch):
    wanted = reach_class.EXACT["right"]
    monkeypatch.setattr(reach_rows, "criterion", lambda tuner: wanted)
    found = reach_rows.row("lora", SEED, steps=2)
    assert found.holds is False and not found.checks[0].holds and found.checks[1].holds


# bad input


@pytest.mark.parametrize(("how", "says"), [({"steps": 0}, "0 steps"), ({"optimizer": "lion"}, "'lion'")])
def test_bad_training(how, says):
    with pytest.raises(TrainingError, match=says):
        reach.measure("lora", SEED, **how)


def test_an_unknown_tuner_is_told_the_known():
    for ask in (lambda name: reach.measure(name, SEED), lambda name: reach_class.named([name]), reach_class.criterion):
        with pytest.raises(SpecError, match="no tuner 'lorra'; use one of lora, "):
            ask("lorra")


def test_what_is_no_matrix_has_no_criterion():
    with pytest.raises(SpecError, match="has no reach to measure"):
        reach_class.criterion("prompt_tuning")


def test_nothing_moved_is_a_sentence():
    empty = reach.Measured("lora", {}, {}, (), 0, 0.0, (0.0, 0.0), None, {}, {}, 0.0)
    with pytest.raises(MeasureError, match="No matrix moved under lora"):
        empty.mean("rel")
