"""Tuners that need more than an optimizer, inside a run: calibrated on its demonstrations, cut, and read back as logged.

Trap: the log counts from where the adapter starts, a change from the base: they agree where the start is the base.
"""

from dataclasses import replace

import pytest
from harness.models.adapters import Adaptation
from harness.training import cache, recipes
from harness.training.cache import Request

ADALORA = (("total_step", 6), ("tinit", 1), ("tfinal", 2), ("deltaT", 1))


@pytest.mark.parametrize(
    ("tuner", "given"),
    [
        ("corda_ipm", {}),
        ("lora_ga", {}),
        ("eva", {}),
        ("adalora", {"settings": ADALORA}),
        ("monteclora", {}),
        ("waveft", {"settings": (("n_frequency", 64),)}),
        ("psoft", {}),
        ("lora", {"optimizer": "lorafa"}),
        ("lora", {"optimizer": "loraplus"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("optimizer", "-"),
)
def test_what_is_read_back_is_what_was_logged(tuner, given, cache_folder, few_steps, no_evaluation, monkeypatch):
    recipe = replace(recipes.get("sft", "tiny"), arm="adapted", adapter=Adaptation(tuner, rank=4, **given))
    monkeypatch.setitem(recipes.RECIPES, ("adapted", "tiny"), recipe)
    run = cache.ensure(Request("adapted", "tiny", 0))
    for step, change in run.change().trajectory:
        norm = sum(v**2 for v in change.norm().values()) ** 0.5
        assert norm == pytest.approx(run.log[step - 1]["update_norm"], rel=2e-4)  # rounding, where the base lost a start
    assert run.log[-1]["update_norm"] > 0
