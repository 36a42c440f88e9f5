import pytest
from harness.errors import SpecError
from harness.training import adapter_arms_coso as coso
from harness.training import recipes
from harness.training.continual import Continual


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (dict(protects="all"), "can protect None, history, random, not 'all'"),
        (dict(energy=0.0), "energy of 0.0"),
        (dict(energy=1.1), "energy of 1.1"),
    ],
    ids=str,
)
def test_a_wrong_task_says_what_is_wrong(given, says):
    with pytest.raises(SpecError, match=says):
        Continual(**given)


def test_a_recipe_that_leaves_nothing_to_leave_is_refused():
    from dataclasses import replace

    plain = recipes.get("first_adamw", "tiny")
    with pytest.raises(SpecError, match="only a method with a sketch leaves directions"):
        replace(plain, continual=Continual(energy=0.9))
    with pytest.raises(SpecError, match="matrices that are stepped apart"):
        replace(recipes.get("sft", "tiny"), continual=Continual())


def test_the_arms_of_the_second_task_differ_in_what_they_protect_alone():
    """Random and free are CoSO's optimizer from CoSO's first task; the projected gradient is AdamW's, from there too."""
    found = {name: recipes.get(f"second_{name}", "tiny") for name in ("adamw", "coso", "random", "free", "gradient")}
    assert {name: r.base for name, r in found.items()} == dict.fromkeys(found, "first_coso") | {"adamw": "first_adamw"}
    assert [found[n].continual.protects for n in ("adamw", "coso", "random", "free", "gradient")] == [
        None, "history", "random", None, "history",
    ]  # fmt: skip
    assert found["coso"].matrices == found["random"].matrices == found["free"].matrices
    assert found["gradient"].matrices == found["adamw"].matrices
    assert len({(r.task, r.steps, r.batch, r.warmup, r.data_seed_offset) for r in found.values()}) == 1


def test_rates_are_the_best_of_one_grid():
    for method, losses in coso.TUNED.items():
        assert len(losses) == len(coso.GRID) and 0 < losses.index(min(losses)) < len(coso.GRID) - 1
        assert coso.rate(method) == coso.GRID[losses.index(min(losses))]


@pytest.mark.parametrize("change", [dict(protects=None), dict(protects="random"), dict(energy=0.9)], ids=str)
def test_what_is_protected_or_left_changes_the_key(change):
    from dataclasses import replace

    one = recipes.get("second_coso", "tiny")
    other = replace(one, continual=replace(one.continual, **change))
    assert other.key("tiny", 0, "base") != one.key("tiny", 0, "base")


def test_no_other_recipe_has_a_new_key():
    """Where a recipe is no task among others the field stays out of the hashed text."""
    from harness.training.recipe import LATER

    assert "continual" in LATER and recipes.get("sft", "tiny").continual is None
