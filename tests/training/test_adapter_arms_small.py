"""The adapted arms of the small scale: what they share, and that LoRA's rate is the best of its grid and inside it."""

from pytest import mark

from harness.training import adapter_arms_small, recipes

ARMS = {
    recipe.arm: recipe for recipe in adapter_arms_small.arms(recipes.get("sft", "small"), recipes.get("rlvr", "small"))
}


def test_every_arm_is_offered_at_the_small_scale():
    assert {arm: recipes.get(arm, "small") for arm in ARMS} == ARMS


@mark.parametrize("kind", ["sft", "rlvr"])
def test_the_rate_is_the_best_of_the_grid_and_inside_it(kind):
    values = adapter_arms_small.TUNED[kind]
    best = (max if kind == "rlvr" else min)(range(len(values)), key=values.__getitem__)
    assert 0 < best < len(values) - 1
    assert adapter_arms_small.GRID[best] == ARMS[f"{kind}_lora"].lr


@mark.parametrize("kind", ["sft", "rlvr"])
def test_variants_match_the_first_step_of_lora_and_share_all_else(kind):
    lora = ARMS[f"{kind}_lora"]
    for name in adapter_arms_small.VARIANTS:
        found = ARMS[f"{kind}_{name}_matched"]
        assert found.adapter.matches == lora.arm and found.adapter.tuner == name
        assert (found.steps, found.batch, found.lr, found.loss) == (lora.steps, lora.batch, lora.lr, lora.loss)


def test_a_twin_has_another_draw_and_another_key():
    one, other = ARMS["rlvr_lora"], ARMS["rlvr_lora_twin"]
    assert one.adapter.seed != other.adapter.seed
    assert one.key("small", 0, "base") != other.key("small", 0, "base")
