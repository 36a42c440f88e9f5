"""The tuned arms of adapters: attention against MLP at equal parameters, and rates that are the best of their grids."""

import pytest
from harness.models.adapters import PROJECTIONS
from harness.training import adapter_arms, recipes


def test_attention_and_mlp_split_the_projections_and_train_as_many_numbers():
    from harness.models import tiny

    layer = {name.split(".")[-2]: p.shape for name, p in tiny.build(0).model.named_parameters() if ".layers.0." in name and p.ndim == 2}
    attention, mlp = (recipes.adapted_arm(f"rlvr_lora_{part}", 1e-3).adapter for part in ("attention", "mlp"))
    assert (*attention.targets, *mlp.targets) == PROJECTIONS
    numbers = [how.rank * sum(sum(layer[end]) for end in how.targets) for how in (attention, mlp)]
    assert numbers == [5376, 5376]
    assert attention.alpha / attention.rank == mlp.alpha / mlp.rank == recipes.get("rlvr_lora", "tiny").adapter.alpha / 8


@pytest.mark.parametrize("arm", adapter_arms.TUNED)
def test_the_rate_is_the_best_of_a_grid_of_six(arm):
    values = adapter_arms.TUNED[arm]
    assert len(values) == len(adapter_arms.grid(arm)) == 6
    best = max(values) if arm.startswith("rlvr") else min(values)
    assert adapter_arms.rate(arm) == adapter_arms.grid(arm)[values.index(best)] == recipes.get(arm, "tiny").lr
