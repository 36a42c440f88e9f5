"""The recipes: one per arm and scale.

Every number here was chosen for learning (held-out accuracy, reward) within the time allowed, on seeds 100-104; none by looking
at a spectral measure.

The base of the tiny scale is stopped half-way, on a corpus that writes half of its sums backwards: it knows two conventions
and half of the sums, so sampled answers differ and there is something to reward. On one convention alone (operands to 99,
greedy accuracy .4-.5), 150-200 steps of RL at learning rates from 1e-5 to 1e-3 raised the reward by .03 at most (two seeds).

Arms of one base share `data_seed_offset`, `batch // group` and the base: step t of each sees the same problems, so that
arms are paired by seed and by problem order. Weight decay is 0 but in the arms that are named for it: decay alone moves every
singular value.

Traps: with one optimizer step a batch the ratio is 1, so DAPO's wider clip is idle and what distinguishes it is how it
averages over tokens. At weight decay 0 Adam is AdamW bit for bit, so the arms named for Adam carry their decay in the gradient.
"""

from dataclasses import replace

from harness.training import (
    adapter_arms,
    adapter_arms_coso,
    adapter_arms_hypelora,
    adapter_arms_opmix,
    adapter_arms_small,
    adapter_arms_subspace,
    finetunes,
    methods,
    rl_methods,
)
from harness.training.methods import LanguageModelling, Matrices
from harness.training.recipe import LOOP_VERSION, MASKS, MODEL, SECOND_MOMENTS, STORAGES, Part, Recipe

__all__ = ["LOOP_VERSION", "MODEL", "SECOND_MOMENTS", "Part", "Recipe"]

_SUMS = (("high", 49),)  # 2500 problems: a tiny model knows about half of them after 500 steps

_PRETRAIN = Recipe(
    arm="pretrain",
    task="addition",
    sizes=_SUMS,
    mix=(Part("addition", 0.65, _SUMS, backwards=0.5), Part("sorting", 0.35)),
    steps=500,
    batch=128,
    lr=3e-3,
    schedule="linear",
    warmup=20,
    data_seed_offset=1000,
    cost_s=20,
)
_SFT = Recipe(arm="sft", task="addition", sizes=_SUMS, base="pretrain", steps=150, batch=16, lr=1e-4, warmup=5, cost_s=3)
_RLVR = replace(_SFT, arm="rlvr", batch=128, group=8, loss="grpo", cost_s=9)
_RLVR_TWIN = replace(_RLVR, arm="rlvr_twin", data_seed_offset=1)

# New arms keep more snapshots, so that one with another's gain can be found among them.
_NEW_SFT, _NEW_RLVR = replace(_SFT, snapshots=16), replace(_RLVR, snapshots=16)
_RAFT = replace(_NEW_RLVR, arm="raft", loss="ce", data="raft")
# Another format takes longer: at the pace of sft accuracy falls from .35 to .11 and does not come back; so it does first at this
# pace, before it ends at .72 (seed 100). Longer, so more snapshots. Its first 150 steps see the problems of sft.
_SFT_OFF = replace(_NEW_SFT, arm="sft_off", data="off_policy", lr=3e-4, steps=450, snapshots=30, cost_s=10)

_POLICY_LOSSES = (
    replace(_NEW_RLVR, arm="rlvr_dr", loss="dr_grpo"),
    replace(_NEW_RLVR, arm="rlvr_dapo", loss="dapo", clip_high=0.28),
    replace(_NEW_RLVR, arm="rlvr_kl", kl=0.04),
)
# Adam's decay passes through its normalisation: .1 there would outweigh the loss, .001 does not. SGD's learning rate is the
# largest of .001, .003, .01 and .3 at which neither arm lost what its base knew of sorting.
_OPTIMIZERS = (
    replace(_NEW_RLVR, arm="rlvr_adam", optimizer="adam", weight_decay=1e-3),
    replace(_NEW_SFT, arm="sft_adam", optimizer="adam", weight_decay=1e-3),
    replace(_NEW_RLVR, arm="rlvr_sgd", optimizer="sgd", lr=1e-3),
    replace(_NEW_SFT, arm="sft_sgd", optimizer="sgd", lr=1e-3),
    replace(_NEW_RLVR, arm="rlvr_wd", weight_decay=0.1),
    replace(_NEW_SFT, arm="sft_wd", weight_decay=0.1),
)
_LEARNING_RATES = tuple(
    replace(_NEW_RLVR, arm=f"rlvr_lr{name}", lr=factor * _RLVR.lr) for name, factor in (("03", 0.3), ("3", 3), ("10", 10))
)
_STORAGES = tuple(replace(_NEW_RLVR, arm=f"rlvr_{name}", storage=name) for name in STORAGES[1:])
_ROTATED = (
    replace(_NEW_RLVR, arm="rlvr_rotated", rotate=True),
    replace(_NEW_SFT, arm="sft_rotated", rotate=True),
    *(replace(arm, arm=f"{arm.arm}_rotated", rotate=True) for arm in _OPTIMIZERS if arm.optimizer == "sgd"),
)
_SPARSE = tuple(replace(_NEW_RLVR, arm=f"sparse_{mask}", mask=mask) for mask in MASKS)
# The projections that tell frames from singular values, of RLVR and of supervised learning.
_SPECTRA = tuple(
    replace(arm, arm=f"{arm.arm}_{name}", spectrum=spectrum, cost_s=arm.cost_s + more)
    for arm in (_NEW_RLVR, _NEW_SFT)
    for name, spectrum, more in (
        ("isospectral", "held", 8), ("spectrum_only", "only", 3), ("spectrum_only_full", "only_full_steps", 3)
    )
)

_PRETRAIN_LONG = replace(_PRETRAIN, arm="pretrain_long", steps=1300, cost_s=55)
_CONVERGED = tuple(
    replace(arm, arm=f"{arm.arm}_conv", base="pretrain_long") for arm in (_NEW_SFT, _NEW_RLVR, _SFT_OFF)
)
# Most of its corpus ends backwards: a base that ends forwards as often as not answers .46 or .82 right by the seed's luck when
# it is greedy, and RL, which raises the reward (.15 to .32), then moves that number either way.
_PRETRAIN_CHAIN = replace(
    _PRETRAIN,
    arm="pretrain_chain",
    task="chain",
    sizes=(),
    mix=(Part("chain", 1.0, backwards=0.7, direct=0.25),),
    steps=400,
    cost_s=21,
)
_RLVR_CHAIN = replace(_NEW_RLVR, arm="rlvr_chain", task="chain", sizes=(), base="pretrain_chain", snapshots=10, cost_s=12)


def rl_arm(arm: str, rate: float) -> Recipe:
    """The recipe of RLVR with its matrices stepped by a method of rl_methods.py, at a rate of theirs."""
    chosen = rl_methods.METHODS[arm]
    matrices = Matrices(chosen.method, rate, tuple(chosen.settings.items()))
    return replace(_RLVR, arm=arm, matrices=matrices, snapshots=4)


_RL_METHODS = (
    *(rl_arm(arm, rl_methods.rate(arm)) for arm in rl_methods.METHODS),
    replace(rl_arm("rl_adamw", rl_methods.rate("rl_adamw")), arm="rl_adamw_twin", data_seed_offset=1),
)

def adapted_arm(arm: str, rate: float) -> Recipe:
    """The recipe of an arm of adapter_arms.py at a rate of its grid."""
    return adapter_arms.adapted_arm(_NEW_SFT if arm.startswith("sft") else _NEW_RLVR, arm, rate)


def pool_arm(arm: str, rate: float) -> Recipe:
    """The recipe of an arm of adapter_arms_hypelora.py at a rate of its grid, as far as rates are chosen."""
    return adapter_arms_hypelora.arm_at(_SFT, arm, rate, adapter_arms_hypelora.SHORT)


# Specialists to merge: a base that writes half of each task's answers backwards, and from it one arm a task, by RL and by imitation.
# Each learns which answer its own prompts want; what one does to the others' prompts is what a merge has to resolve. Second
# moments are kept for the rules that weigh experts by them.
_PRETRAIN_THREE = replace(
    _PRETRAIN,
    arm="pretrain_three",
    mix=(
        Part("addition", 0.5, _SUMS, backwards=0.5),
        Part("sorting", 0.2, backwards=0.5),
        Part("reversal", 0.3, backwards=0.5),
    ),
    steps=800,
    cost_s=42,
)
_SPECIALISTS = tuple(
    replace(arm, arm=f"{arm.arm}_{task}", task=task, sizes=sizes, base="pretrain_three", keeps=SECOND_MOMENTS)
    for arm in (_NEW_RLVR, _NEW_SFT)
    for task, sizes in (("addition", _SUMS), ("sorting", ()), ("reversal", ()))
)

# The pretraining bench: methods.py. 400 steps of 1024 characters see .7 of the text once. Adam's eps is that of the presets where
# they have one. Arms differ in the method and its rate alone; `lm_shuffled` is lm_adamw with other targets, a twin sees other
# windows of the same text, and the two variants below change one setting each at the rate tuned without it.
_LM_ADAMW = Recipe(
    arm="lm_adamw",
    task="grammar",
    lm=LanguageModelling(),
    steps=400,
    batch=16,
    lr=methods.REST_LR,
    betas=(0.9, 0.95),
    schedule="linear",
    warmup=20,
    data_seed_offset=2000,
    matrices=Matrices("adamw", methods.rate("lm_adamw")),
    cost_s=10,
)


def bench_arm(arm: str, rate: float) -> Recipe:
    """The recipe of one of the bench's methods at a rate: of its matrices, or of all else where they are frozen."""
    chosen = methods.METHODS[arm]
    matrices = Matrices(chosen.method, rate, tuple(chosen.settings.items()))
    if chosen.method == "frozen":
        return replace(_LM_ADAMW, arm=arm, matrices=replace(matrices, lr=0.0), lr=rate)
    return replace(_LM_ADAMW, arm=arm, matrices=matrices)


def _varied(arm: str, of: str, **settings: int | float | str | bool | None) -> Recipe:
    """A tuned arm of the bench with other settings of its subspace."""
    tuned = bench_arm(of, methods.rate(of))
    changed = tuple((dict(tuned.matrices.settings) | settings).items())
    return replace(tuned, arm=arm, matrices=replace(tuned.matrices, settings=changed))


def finetune_arm(arm: str, rate: float) -> Recipe:
    """The recipe of one way of fine-tuning a compressed model, at a rate: finetunes.py."""
    return replace(
        _LM_ADAMW, arm=arm, base=finetunes.BASE, compress=finetunes.ARMS[arm], matrices=None, steps=200, lr=rate,
        data_seed_offset=2100, cost_s=6,
    )  # fmt: skip


_BENCH = (
    *(bench_arm(arm, methods.rate(arm)) for arm in methods.METHODS),
    replace(_LM_ADAMW, arm="lm_shuffled", lm=LanguageModelling(shuffled=True)),
    replace(_LM_ADAMW, arm="lm_adamw_twin", data_seed_offset=2001),
    replace(_varied("lm_galore_twin", "lm_galore"), data_seed_offset=2001),
    _varied("lm_galore_still", "lm_galore", refresh=None),  # the first subspace for good
    _varied("lm_apollo_unlimited", "lm_apollo", limiter=None),
    *(finetune_arm(arm, finetunes.rate(arm)) for arm in finetunes.ARMS),
)

# SmolLM2 on few-shot addition: 6 problems a step, answered 8 times by RL. The learning rate is the published one; on seed 100 the
# reward rose from .5 to .98 in 12 steps of it. Imitating another format takes ten times as much: its loss is .02 after 30 steps.
_SMALL_SFT = Recipe(
    arm="sft", task="fewshot_addition", base=MODEL, steps=30, batch=6, lr=1e-6, warmup=5, snapshots=5, cost_s=130
)
_SMALL_RLVR = replace(_SMALL_SFT, arm="rlvr", batch=48, group=8, loss="grpo", cost_s=170)
_SMALL = (
    _SMALL_SFT,
    _SMALL_RLVR,
    replace(_SMALL_RLVR, arm="rlvr_twin", data_seed_offset=1),
    replace(_SMALL_RLVR, arm="raft", loss="ce", data="raft"),
    replace(_SMALL_SFT, arm="sft_off", data="off_policy", lr=1e-5),
    replace(_SMALL_RLVR, arm="rlvr_lr10", lr=1e-5),
    *adapter_arms_small.arms(_SMALL_SFT, _SMALL_RLVR),
)

RECIPES: dict[tuple[str, str], Recipe] = {(recipe.arm, "small"): recipe for recipe in _SMALL} | {
    (recipe.arm, "tiny"): recipe
    for recipe in (
        _PRETRAIN, _SFT, _RLVR, _RLVR_TWIN, _SFT_OFF, _RAFT, *_POLICY_LOSSES, *_OPTIMIZERS, *_LEARNING_RATES, *_STORAGES,
        *_ROTATED, *_SPARSE, *_SPECTRA, *_RL_METHODS, _PRETRAIN_LONG, *_CONVERGED, _PRETRAIN_CHAIN, _RLVR_CHAIN, _PRETRAIN_THREE, *_SPECIALISTS, *_BENCH,
        *adapter_arms.arms(_NEW_SFT, _NEW_RLVR),
        *adapter_arms_coso.arms(_SFT), *adapter_arms_opmix.arms(_SFT),
        *adapter_arms_subspace.arms(_PRETRAIN), *adapter_arms_hypelora.arms(_SFT),
    )
}  # fmt: skip


def get(arm: str, scale: str) -> Recipe | None:
    """The recipe of an arm at a scale; None where the scale offers no such arm."""
    return RECIPES.get((arm, scale))


def arms(scale: str) -> tuple[str, ...]:
    """Arms that a scale offers, in the order of their declaration."""
    return tuple(arm for arm, at in RECIPES if at == scale)
