import math

import pytest
from harness.training import adapter_arms_coso, adapter_arms_opmix, runs, tune_domains, tune_in_turn


@pytest.mark.parametrize("method", ["adamw", "coso"])
def test_a_rate_has_a_loss_that_repeats(method, cache_folder, few_steps, no_evaluation):
    found = [tune_in_turn.tuning_loss(method, 1e-3, 0) for _ in range(2)]
    assert found[0] == found[1] and math.isfinite(found[0])
    assert tune_in_turn.tuning_loss(method, 3e-3, 0) != found[0]


def test_a_run_that_diverges_is_the_worst(cache_folder, few_steps, no_evaluation, monkeypatch):
    from harness.training import loop

    def diverges(*args, **kwargs):
        raise runs.Diverged("it did")

    tune_in_turn.tuning_loss("adamw", 1e-3, 0)  # trains the base
    monkeypatch.setattr(loop, "run_loop", diverges)
    assert tune_in_turn.tuning_loss("adamw", 1e-3, 0) == math.inf
    assert tune_domains.tuning_loss("sorting", 1e-3, 0) == math.inf


def test_the_table_is_printed_as_it_is_kept(monkeypatch, capsys):
    monkeypatch.setattr(tune_in_turn, "tuning_loss", lambda method, rate, seed: abs(math.log(rate / 1e-3)))
    tune_in_turn.main(["coso"])
    line = capsys.readouterr().out
    assert line.startswith('    "coso": (2.3026, 1.2040, 0.0000,') and line.endswith("# 0.001\n")


def test_domains_have_one_rate(cache_folder, few_steps, no_evaluation, monkeypatch, capsys):
    monkeypatch.setattr(adapter_arms_opmix, "STEPS", 4)
    assert math.isfinite(tune_domains.tuning_loss("reversal", 1e-3, 0))
    monkeypatch.setattr(tune_domains, "tuning_loss", lambda task, rate, seed: abs(math.log(rate / 3e-3)))
    tune_domains.main()
    assert capsys.readouterr().out.endswith("# 0.003\n")


def test_the_kept_rates_lie_inside_their_grids():
    of_coso = [(losses, adapter_arms_coso.GRID) for losses in adapter_arms_coso.TUNED.values()]
    for losses, grid in ((adapter_arms_opmix.TUNED, adapter_arms_opmix.GRID), *of_coso):
        assert len(losses) == len(grid) and 0 < losses.index(min(losses)) < len(grid) - 1
