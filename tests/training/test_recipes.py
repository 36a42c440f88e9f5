import subprocess
import sys
from dataclasses import fields, replace

import pytest
from harness.errors import SpecError
from harness.models import scales
from harness.models.adapters import Adaptation
from harness.tasks import corpus
from harness.training import recipe, recipes
from harness.training.cache import Request
from harness.training.finetunes import Compression
from harness.training.methods import LanguageModelling, Matrices
from harness.training.recipe import MODEL, Part, Recipe
from harness.training.recipes import RECIPES

SFT = Recipe(arm="sft", task="addition", steps=10, batch=16, lr=1e-4, base="pretrain")
OTHER = dict(
    arm="sft2", task="sorting", steps=11, batch=32, lr=2e-4, betas=(0.9, 0.95), eps=1e-9, weight_decay=0.1,
    schedule="linear", warmup=3, clip=2.0, temperature=0.7, kl=0.1, clip_low=0.1, clip_high=0.3, mix=(Part("addition", 1.0),),
    data_seed_offset=1, snapshots=5, base=None, sizes=(("high", 9),), optimizer="sgd", data="off_policy", storage="bf16",
    mask="low", mask_fraction=0.3, rotate=True, matrices=Matrices("muon", 0.1), spectrum="held",
    keeps="second_moments", adapter=Adaptation("lora"), noise=0.2, pool=64,
)  # fmt: skip


@pytest.mark.parametrize("name", OTHER, ids="field={}".format)
def test_every_field_changes_the_key(name):
    changed = replace(SFT, **{name: OTHER[name]})
    assert changed.key("tiny", 0, "base") != SFT.key("tiny", 0, "base")


def test_no_field_is_left_out_of_the_key():
    # None changes alone: lm needs its corpus as the task, compress lm, continual matrices (test_continual.py).
    together = {"loss", "group", "lm", "compress", "continual"}
    fixed = {"cost_s"}  # not part of the key
    assert {field.name for field in fields(Recipe)} == set(OTHER) | together | fixed
    assert replace(SFT, loss="grpo", group=8).key("tiny", 0, None) != replace(SFT, loss="grpo", group=4).key("tiny", 0, None)
    assert replace(SFT, loss="grpo", group=8).key("tiny", 0, None) != replace(SFT, loss="dapo", group=8).key("tiny", 0, None)


KEYS = {
    ("pretrain", 0): "ebcf28c88ce75d0422b7", ("sft", 0): "0ca6338fcffdad9ba543", ("rlvr", 0): "82534ca23ad37c063911",
    ("rlvr", 1): "6d4f0b64db1d3cd6003c", ("sft_off", 0): "4638ffe403fe0ef394d2", ("raft", 0): "4742bb3a15bb6d1b2acc",
    ("rlvr_sgd_rotated", 0): "4abb75022f89ae164edd", ("sparse_principal", 0): "a050dd22d48b24cd7a5b",
    ("rlvr_chain", 0): "e3bb491acf8622b61946", ("rlvr_bf16", 0): "49268629a2d4b6684a0a",
}  # fmt: skip


@pytest.mark.parametrize(("arm", "seed"), KEYS, ids=str)
def test_runs_that_were_cached_before_a_field_was_added_keep_their_keys(arm, seed):
    """Committed results name them. They change with LOOP_VERSION and the tasks alone."""
    assert Request(arm, "tiny", seed).key == KEYS[arm, seed]


TEXT = Recipe(arm="lm", task="grammar", steps=10, batch=16, lr=1e-3, lm=LanguageModelling())


@pytest.mark.parametrize("change", [dict(shuffled=True), dict(context=32), dict(every=10)], ids=str)
def test_what_is_predicted_changes_the_key(change):
    other = replace(TEXT, lm=replace(TEXT.lm, **change))
    assert other.key("tiny", 0, None) != TEXT.key("tiny", 0, None)


@pytest.mark.parametrize("change", [dict(method="galore"), dict(lr=2e-3), dict(settings=(("rank", 8),))], ids=str)
def test_how_matrices_are_stepped_changes_the_key(change):
    one = replace(TEXT, matrices=Matrices("adamw", 1e-3))
    assert replace(one, matrices=replace(one.matrices, **change)).key("tiny", 0, None) != one.key("tiny", 0, None)


@pytest.mark.parametrize("change", [dict(trains="all"), dict(reduction=0.7)], ids=str)
def test_what_is_compressed_changes_the_key(change):
    plain = replace(TEXT, base="lm_adamw")
    one = replace(plain, compress=Compression("low_rank"))
    other = replace(one, compress=replace(one.compress, **change))
    assert len({each.key("tiny", 0, "base") for each in (plain, one, other)}) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(compress=Compression("some")), "it trains 'some'; use low_rank, others, random, all"),
        (dict(compress=Compression("all"), base=None), "only a trained language model of a text is compressed"),
        (dict(compress=Compression("all"), lm=None, task="addition"), "only a trained language model of a text is compressed"),
        (dict(compress=Compression("all"), matrices=Matrices("adamw", 1e-3)), "factors are stepped as all else"),
        (dict(compress=Compression("all"), mask="low"), "factors are stepped as all else"),
        (dict(compress=Compression("all"), spectrum="held"), "factors have no spectrum to project on"),
    ],
    ids=str,
)
def test_a_wrong_compression_says_what_is_wrong(change, reason):
    with pytest.raises(SpecError, match=reason):
        replace(TEXT, **{"base": "lm_adamw", **change})


def test_another_text_changes_the_key(monkeypatch):
    before = TEXT.key("tiny", 0, None)
    monkeypatch.setitem(corpus.CORPORA, "grammar", replace(corpus.get("grammar"), sha256="other"))
    assert TEXT.key("tiny", 0, None) != before


def test_cost_does_not_change_the_key():
    assert replace(SFT, cost_s=99).key("tiny", 0, None) == SFT.key("tiny", 0, None)


def test_scale_seed_base_and_loop_version_change_the_key(monkeypatch):
    keys = {SFT.key(*at) for at in [("tiny", 0, None), ("small", 0, None), ("tiny", 1, None), ("tiny", 0, "b")]}
    assert len(keys) == 4 and all(len(key) == 20 for key in keys)
    monkeypatch.setattr(recipe, "LOOP_VERSION", recipe.LOOP_VERSION + 1)
    assert SFT.key("tiny", 0, None) not in keys


def test_a_task_of_another_version_changes_the_key(monkeypatch):
    before = SFT.key("tiny", 0, None)
    monkeypatch.setattr("harness.tasks.addition.Addition.version", 99)
    assert SFT.key("tiny", 0, None) != before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(loss="ppo"), "its loss 'ppo' is not one of"),
        (dict(loss="grpo"), "a policy loss needs a group above 1"),
        (dict(group=8), "a policy loss needs a group above 1"),
        (dict(data="raft"), "a policy loss needs a group above 1 .raft too."),
        (dict(data="scraped"), "its data 'scraped' is not known; use gold, off_policy, raft"),
        (dict(loss="grpo", group=8, data="raft"), "a policy loss samples its own data, not 'raft'"),
        (dict(storage="int8"), "its storage 'int8' is not known; use fp32, bf16, bf16_sr, fp16"),
        (dict(mask="high"), "its mask 'high' is not known; use None, principal"),
        (dict(spectrum="frozen"), "its spectrum 'frozen' is not known; use None, held, only, only_full_steps"),
        (dict(spectrum="held", storage="bf16"), "a spectrum is projected on in fp32, and without a mask"),
        (dict(spectrum="only", mask="low"), "a spectrum is projected on in fp32, and without a mask"),
        (dict(keeps="gradients"), "its keeps 'gradients' is not known; use None, second_moments"),
        (dict(keeps="second_moments", optimizer="sgd"), "second moments of every weight are those of Adam on all of them"),
        (dict(keeps="second_moments", mask="low"), "second moments of every weight are those of Adam on all of them"),
        (dict(rotate=True, base=None), "there is no run of a tiny base to rotate"),
        (dict(rotate=True, base=MODEL), "there is no run of a tiny base to rotate"),
        (dict(loss="grpo", group=5), "16 completions do not divide into groups of 5"),
        (dict(optimizer="lion"), "its optimizer 'lion' is not known"),
        (dict(schedule="cosine"), "neither constant nor linear"),
        (dict(steps=0), "at least one step"),
        (dict(snapshots=1), "fewer than two snapshots"),
        (dict(lm=LanguageModelling()), "its task 'addition' is not its corpus 'grammar'"),
        (dict(lm=LanguageModelling(), task="grammar", loss="grpo", group=8), "a language model of a text has no tasks"),
        (dict(matrices=Matrices("muon", 0.1), optimizer="sgd"), "matrices are stepped apart beside AdamW"),
        (dict(matrices=Matrices("muon", 0.1), mask="low"), "matrices are stepped apart beside AdamW"),
    ],
    ids=str,
)
def test_a_wrong_recipe_says_what_is_wrong(change, reason):
    with pytest.raises(SpecError, match=reason):
        replace(SFT, **change)


@pytest.mark.parametrize("scale", ["tiny", "small"], ids="scale={}".format)
def test_arms_of_one_base_are_paired_by_problem(scale):
    """Step t of sft and of rlvr sees the same problems; the twin differs in nothing but its stream."""
    sft, rlvr, twin = (recipes.get(arm, scale) for arm in ("sft", "rlvr", "rlvr_twin"))
    for name in ("task", "sizes", "steps", "problems_per_step", "lr", "data_seed_offset", "base", "betas", "clip", "warmup"):
        assert getattr(sft, name) == getattr(rlvr, name), name
    assert replace(twin, arm="rlvr", data_seed_offset=rlvr.data_seed_offset) == rlvr
    assert twin.data_seed_offset != rlvr.data_seed_offset
    assert scale != "tiny" or rlvr.data_seed_offset != recipes.get("pretrain", scale).data_seed_offset


def test_only_the_arms_named_for_it_decay_weights():
    decaying = {recipe.arm for recipe in RECIPES.values() if recipe.weight_decay}
    assert decaying == {"rlvr_wd", "sft_wd", "rlvr_adam", "sft_adam"}


TINY_FACTORS = {
    "raft": {"loss", "data"},
    "rlvr_dr": {"loss"}, "rlvr_dapo": {"loss", "clip_high"}, "rlvr_kl": {"kl"},
    "rlvr_adam": {"optimizer", "weight_decay"}, "rlvr_sgd": {"optimizer", "lr"}, "rlvr_wd": {"weight_decay"},
    "rlvr_lr03": {"lr"}, "rlvr_lr3": {"lr"}, "rlvr_lr10": {"lr"},
    "rlvr_bf16": {"storage"}, "rlvr_bf16_sr": {"storage"}, "rlvr_fp16": {"storage"},
    "rlvr_rotated": {"rotate"}, "rlvr_sgd_rotated": {"optimizer", "lr", "rotate"}, "rlvr_conv": {"base"},
    **{f"sparse_{mask}": {"mask"} for mask in recipes.MASKS},
    "rlvr_isospectral": {"spectrum"}, "rlvr_spectrum_only": {"spectrum"}, "rlvr_spectrum_only_full": {"spectrum"},
}  # fmt: skip


SMALL_FACTORS = {"rlvr_twin": {"data_seed_offset"}, "raft": {"loss", "data"}, "rlvr_lr10": {"lr"}}
EVERY_FACTOR = [
    pytest.param(scale, arm, factor, id=f"scale={scale}-arm={arm}")
    for scale, factors in (("tiny", TINY_FACTORS), ("small", SMALL_FACTORS))
    for arm, factor in factors.items()
]


@pytest.mark.parametrize(("scale", "arm", "factor"), EVERY_FACTOR)
def test_an_arm_differs_from_rlvr_in_its_factor_alone(scale, arm, factor):
    """Snapshots and cost aside: they change no weight."""
    here, rlvr = recipes.get(arm, scale), recipes.get("rlvr", scale)
    differing = {f.name for f in fields(Recipe) if getattr(here, f.name) != getattr(rlvr, f.name)}
    assert differing - {"arm", "snapshots", "cost_s"} == factor


def test_learning_rates_are_swept_by_the_stated_factors():
    base = recipes.get("rlvr", "tiny").lr
    ratios = [recipes.get(f"rlvr_lr{name}", "tiny").lr / base for name in ("03", "3", "10")]
    assert ratios == pytest.approx([0.3, 3, 10])
    assert recipes.get("rlvr_lr10", "small").lr == pytest.approx(10 * recipes.get("rlvr", "small").lr)


@pytest.mark.parametrize(("scale", "task"), [("tiny", "addition"), ("small", "fewshot_addition")])
def test_an_off_policy_arm_is_graded_in_either_format_on_the_problems_of_its_twin(scale, task):
    off, sft = recipes.get("sft_off", scale), recipes.get("sft", scale)
    assert (off.task, off.graded, sft.graded) == (task, f"prefixed_{task}", task)
    assert set(off.tasks()) == {task, f"prefixed_{task}"}
    assert off.problems_per_step == sft.problems_per_step and off.data_seed_offset == sft.data_seed_offset


def test_every_base_is_an_arm_of_its_scale_or_the_scales_own_model():
    for (arm, scale), recipe in RECIPES.items():
        assert arm != MODEL
        if scales.get(scale).source == "config":
            base = recipes.get(recipe.base, scale) if recipe.base else None
            after_another = recipe.continual and base.continual
            assert recipe.base is None or base.base is None or (after_another and recipes.get(base.base, scale).base is None)
        else:
            assert recipe.base == MODEL


def test_an_arm_that_a_scale_does_not_offer_is_none():
    assert recipes.get("rlvr", "large") is None and recipes.arms("large") == ()
    assert recipes.arms("tiny")[:4] == ("pretrain", "sft", "rlvr", "rlvr_twin")
    assert recipes.arms("small")[:4] == ("sft", "rlvr", "rlvr_twin", "raft")


@pytest.mark.parametrize("scale", ["tiny", "small"], ids="scale={}".format)
def test_planning_imports_no_torch(scale):
    wanted = f"c.missing([c.Request('rlvr', '{scale}', 0)])"
    code = f"import sys, harness.training.cache as c; {wanted}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
