"""Every tuner of peft: starts where its row says, is read as peft merges it, and is built again from base and kept tensors."""

import warnings

import pytest
import torch
from harness.errors import ModelError
from harness.models.adapters import TUNERS, Adaptation
from harness.models.tuners import adapt

PEFT = tuple(name for name, row in TUNERS.items() if row.trains and row.config)
MERGING = tuple(name for name in PEFT if TUNERS[name].merges)

SHEET = {
    "lora": 17408, "lora_gaussian": 17408, "rslora": 17408, "pissa": 17408, "olora": 17408, "lora_orthogonal": 17408, "mica": 8192,
    "lora_ga": 17408, "dora": 18560, "kasa": 17520, "velora": 17408, "monteclora": 17632, "bdlora": 9728, "qalora": 17408,
    "lora_bias": 18560, "lora_frozen_a": 9216, "boft": 5248, "boft_fixed_scale": 4096, "c3a": 2560, "deft": 17408, "delora": 17422,
    "fourierft": 7168, "frod": 5110, "glora": 34816, "gralora": 17408, "hira": 17408, "hra": 8192, "loha": 34816, "lokr": 2176,
    "miss": 9216, "miss_bat": 9216, "oft": 7680, "coft": 7680, "osf": 122640, "peanut": 18432, "psoft": 616,
    "psoft_no_magnitude": 392, "randlora": 8064, "road": 1152, "supertuning_top": 4086, "unilora": 256, "waveft": 7168,
}  # fmt: skip
"""Trainable parameters as the sheet peft_merge 1.3 counts them, on its architecture, where rank and settings agree."""


@pytest.mark.parametrize("tuner", PEFT)
def test_starts_as_the_base_where_its_row_says_so(tuner, trained):
    assert (trained(tuner).moved < 1e-5) == TUNERS[tuner].identity


@pytest.mark.parametrize("tuner", MERGING)
def test_rebuilt_under_another_seed_it_is_what_was_trained_and_what_peft_merges(tuner, trained, put_on):
    """From the base, what was fixed at the start and what trained: the same matrices, with peft's own merge as oracle."""
    found = trained(tuner)
    again = put_on(tuner, seed=1, rebuild=True)
    again.load(found.kept)
    weights = again.weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        merged = again.wrapper.merge_and_unload().state_dict()
    assert set(found.after) == set(found.before) == set(weights)
    for name, weight in found.after.items():
        torch.testing.assert_close(weights[name], weight, atol=1e-6, rtol=0)
        torch.testing.assert_close(weight, merged[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("tuner", MERGING)
def test_every_matrix_moves_and_nothing_else_does(tuner, trained):
    found = trained(tuner)
    adapted = {f"{path}.weight" for path, _ in found.adapted.layers()}
    assert len(adapted) == 14
    still = {name for name, weight in found.after.items() if torch.equal(weight, found.before[name])}
    assert not still & adapted
    assert still == set(found.before) - adapted


@pytest.mark.parametrize("tuner", [t for t in PEFT if TUNERS[t].draws])
def test_seeds_draw_apart_and_an_adaptations_own_seed_binds_them(tuner, trained, put_on, tensors_of):
    first = trained(tuner).start
    second, bound = (tensors_of(put_on(tuner, seed=1, seed_of_start=own)) for own in (None, 0))
    assert any(first[name].shape != second[name].shape or not torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(first[name], bound[name]) for name in first)


@pytest.mark.parametrize("tuner", SHEET)
def test_trains_as_many_numbers_as_the_sheet_counts(tuner, trained):
    assert sum(p.numel() for p in trained(tuner).adapted.trainable().values()) == SHEET[tuner]


def test_qalora_off_gptq_is_lora(trained):
    lora, qalora = trained("lora").after, trained("qalora").after
    assert all(torch.equal(lora[name], qalora[name]) for name in lora)


def test_a_frozen_b_is_drawn_and_a_starts_at_zero(trained):
    start = trained("lora_frozen_b").start
    assert all(t.abs().max() > 0 for n, t in start.items() if "lora_B" in n)
    assert all(t.abs().max() == 0 for n, t in start.items() if "lora_A" in n)


def test_the_global_generator_is_left_alone(fresh):
    before = torch.get_rng_state()
    adapt(fresh(), Adaptation("vera"), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rank_above_the_dimension_is_refused(fresh):
    with pytest.raises(ModelError, match="A rank of 65 is above the smaller side, 64"):
        adapt(fresh(), Adaptation("lora", rank=65), 0)
    adapt(fresh(), Adaptation("vera", rank=100), 0)  # a width, not a rank


def test_a_layer_that_is_not_there_is_named(fresh):
    with pytest.raises(ModelError, match="no linear layer named c_attn; it has down_proj"):
        adapt(fresh(), Adaptation("lora", targets=("q_proj", "c_attn")), 0)
    with pytest.raises(ModelError, match="no linear layer named gate_prj; it has .*Did you mean gate_proj[?]$"):
        adapt(fresh(), Adaptation("lora", targets=("gate_prj",)), 0)


def test_a_quantised_layer_is_refused(fresh):
    """As bitsandbytes' Linear4bit: a linear layer whose weight is packed into bytes."""
    model = fresh()
    layer = model.get_submodule("model.layers.0.self_attn.q_proj")
    layer.weight = torch.nn.Parameter(torch.zeros(64 * 32, 1, dtype=torch.uint8), requires_grad=False)
    with pytest.raises(ModelError, match=r"The layer model\.layers\.0\.self_attn\.q_proj is quantised \(Linear, uint8\).*dequantise"):
        adapt(model, Adaptation("lora"), 0)


def test_a_merge_that_is_not_finite_is_named(put_on):
    made = put_on("lora")
    assert made.not_finite() is None
    factor = made.model.get_submodule("model.layers.1.mlp.up_proj").lora_B["default"].weight
    factor.data[0, 0] = float("nan")
    assert made.not_finite() == "model.layers.1.mlp.up_proj"


@pytest.mark.parametrize("tuner", [t for t in PEFT if TUNERS[t].needs])
def test_what_needs_data_says_so_where_it_gets_none(tuner, fresh):
    with pytest.raises(ModelError, match=f"{tuner} needs {TUNERS[tuner].needs} before it is built"):
        adapt(fresh(), Adaptation(tuner), 0)


def test_tensors_of_another_adapter_are_refused(trained, put_on):
    with pytest.raises(ModelError, match="it is of another adapter"):
        put_on("lora", rank=4).load(trained("lora").kept)


def test_an_update_that_is_no_matrix_is_not_read(trained):
    with pytest.raises(ModelError, match="The update of lora_bias is no matrix: it adds a bias"):
        trained("lora_bias").adapted.weights()
