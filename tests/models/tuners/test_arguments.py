"""Arguments of peft's configs that follow from rank, targets and seed; settings come last."""

from harness.models.adapters import PROJECTIONS, Adaptation
from harness.models.tuners.arguments import arguments, config


def given(tuner, seed=3, **how):
    return arguments(Adaptation(tuner, **how), seed)


def test_rank_and_alpha_go_where_the_row_says():
    assert given("lora", rank=4, alpha=2.0) == {"target_modules": list(PROJECTIONS), "r": 4, "lora_alpha": 2.0}
    assert "r" not in given("oft") and given("osf", rank=4)["effective_rank"] == 4


def test_adalora_begins_with_half_as_many_ranks_again():
    assert given("adalora", rank=8)["init_r"] == 12 and given("adalora", rank=8)["target_r"] == 8
    assert given("adalora", settings=(("init_r", 9), ("total_step", 30)))["total_step"] == 30


def test_seeds_are_the_runs():
    assert given("vera")["projection_prng_key"] == given("waveft")["random_loc_seed"] == 3


def test_targets_follow():
    assert given("ia3", targets=("k_proj", "down_proj"))["feedforward_modules"] == ["down_proj"]
    blocks = given("bdlora", targets=("q_proj", "o_proj"))["use_bdlora"]
    assert (blocks.target_modules_bd_a, blocks.target_modules_bd_b, blocks.nblocks) == (["o_proj"], ["q_proj"], 4)
    assert given("lora_parameters", targets=("q_proj",))["target_parameters"] == ["q_proj.weight"]


def test_inner_configs_are_made():
    assert given("corda_ipm")["corda_config"].corda_method == "ipm"


def test_a_plain_start_has_no_data_in_it():
    made = config(Adaptation("lora_ga"), 0, plain=True)
    assert made.init_lora_weights is True and made.lora_ga_config is None
