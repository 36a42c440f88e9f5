"""What holds for rules whatever they do: one expert, equal experts, their order, opposite ones, the scale of the weights."""

import pytest
import torch
from harness.errors import MeasureError
from harness.merging import RULES, merge
from pytest import approx, mark, raises

EVERY = sorted(RULES)
WHOLE = {"dare": {"drop": 0.0}, "slerp": {"t": 1.0}, **dict.fromkeys(("ties", "knots", "orthomerge"), {"density": 1.0})}
"""Options with which a rule drops nothing."""
FRAMES = ("iso", "iso-scaled", "iso-subspace")
FLAT = ("iso-c", "iso-cts")
AVERAGES = ("mean", "ties", "slerp", "karcher", "model-stock", "fisher", "regmean", "knots", "ota", "orthomerge")
"""Rules that give equal experts back."""


def distance(one, other):
    return max((one[name] - other[name]).abs().max().item() for name in one)


def grid(state):
    """Multiples of 2^-20, so that opposite experts are so bit for bit."""
    return {key: (w * 2**20).round() / 2**20 for key, w in state.items()}


def count_for(name, wanted):
    return min(wanted, RULES[name].most or wanted)


@mark.parametrize("name", [name for name in EVERY if name not in (*FRAMES, *FLAT, "model-stock")])
def test_one_expert_comes_back(name, model, needs):
    base, experts = model(1)
    merged = merge(name, base, experts, **needs(RULES[name], base, 1), **WHOLE.get(name, {}))
    assert distance(merged, experts[0]) < (1e-5 if name.startswith("ram") else 1e-12)  # RAM leaves moves below eps out


@mark.parametrize("name", FRAMES)
def test_one_expert_comes_back_to_iso_but_for_the_spectrum(name, model):
    base, experts = model(1, relative=1e-4)
    merged = merge(name, base, experts, keep=1.0)
    for key in ("tall", "wide", "square"):
        tau = experts[0][key] - base[key]
        lost = torch.linalg.svdvals(experts[0][key]) - torch.linalg.svdvals(base[key])
        assert torch.linalg.norm(merged[key] - experts[0][key]).item() == approx(torch.linalg.norm(lost).item(), rel=0.02)
        assert torch.linalg.norm(lost) < 0.5 * torch.linalg.norm(tau)


def test_model_stock_needs_two(model):
    base, experts = model(1)
    with raises(MeasureError, match="model-stock takes at least 2 experts, and 1 expert was given"):
        merge("model-stock", base, experts)


def test_slerp_takes_two_at_most(model):
    base, experts = model(3)
    with raises(MeasureError, match="slerp takes 1 to 2 experts, and 3 experts were given"):
        merge("slerp", base, experts)


@mark.parametrize("name", AVERAGES)
def test_equal_experts_come_back(name, model, needs):
    base, experts = model(1)
    count = count_for(name, 3)
    options = {**WHOLE.get(name, {}), **needs(RULES[name], base, count)} | ({"t": 0.3} if name == "slerp" else {})
    assert distance(merge(name, base, experts * count, **options), experts[0]) < 1e-12


def test_equal_experts_under_the_other_rules(model):
    """Sums grow; what is flat or orthogonal is what it would be of one task; shared changes below eps are lost."""
    base, [expert] = model(1)
    tau = {name: expert[name] - w0 for name, w0 in base.items()}
    assert distance(merge("task-arithmetic", base, [expert] * 3), {n: w0 + 3 * tau[n] for n, w0 in base.items()}) < 1e-12
    assert distance(merge("iso-c", base, [expert] * 3, lam=1 / 3), merge("iso-c", base, [expert])) < 1e-11
    for name in ("ram", "ram-plus"):
        assert distance(merge(name, base, [expert] * 3), expert) <= 1e-5
    u, s, v = torch.linalg.svd(tau["square"], full_matrices=False)
    truncated = base["square"] + (u[:, :4] * s[:4]) @ v[:4]
    assert (merge("tsv-m", base, [expert] * 3)["square"] - truncated).abs().max() < 1e-12  # 14 // 3 triplets, once


@mark.parametrize("name", [name for name in EVERY if name != "dare"])
def test_the_order_of_experts_is_of_no_matter(name, model, needs):
    base, experts = model(count_for(name, 3))
    extras = needs(RULES[name], base, len(experts)).get("extras")
    turned = merge(name, base, experts[::-1], **({"extras": extras[::-1]} if extras else {}))
    assert distance(merge(name, base, experts, **({"extras": extras} if extras else {})), turned) < 1e-9


def test_dares_masks_go_by_position(model):
    base, experts = model(2)
    assert distance(merge("dare", base, experts), merge("dare", base, experts[::-1])) > 0.01


OPPOSITE_AT_BASE = (
    "mean", "task-arithmetic", "ties", "fisher", "regmean", "knots", "model-stock", "iso-c", "iso-cts", "ram", "ram-plus",
    "ota",
)  # fmt: skip


@mark.parametrize("name", OPPOSITE_AT_BASE)
def test_opposite_experts_cancel(name, model, needs):
    base, [one] = (grid(side) if isinstance(side, dict) else [grid(side[0])] for side in model(1))
    other = {key: 2 * w0 - one[key] for key, w0 in base.items()}
    options = needs(RULES[name], base, 1)
    if "extras" in options:
        options["extras"] *= 2
    assert distance(merge(name, base, [one, other], **options), base) < 1e-10


@mark.parametrize("name", FRAMES)
def test_opposite_experts_leave_the_spectrum(name, model):
    base, [one] = model(1)
    other = {key: 2 * w0 - one[key] for key, w0 in base.items()}
    merged = merge(name, base, [one, other])
    assert (torch.linalg.svdvals(merged["tall"]) - torch.linalg.svdvals(base["tall"])).abs().max() < 1e-10


@mark.parametrize("scale", [1e-3, 1e3], ids="c={:g}".format)
@mark.parametrize("name", EVERY)
def test_which_rules_are_equivariant_under_scale(name, scale, model, needs):
    """merged(c W) = c merged(W): all but RAM (eps is absolute) and the official ISO-Merger (so is its ridge)."""
    base, experts = model(1)
    count = count_for(name, 2)
    near = {key: w + 1e-4 * (w - base[key]) for key, w in experts[0].items()} if RULES[name].scales else experts[0]
    experts = [experts[0], near][:count]
    options = needs(RULES[name], base, count)
    merged = merge(name, base, experts, **options)
    larger = [{key: scale * w for key, w in side.items()} for side in (base, *experts)]
    scaled = merge(name, larger[0], larger[1:], **options)
    off = distance({k: w / scale for k, w in scaled.items()}, merged)
    if RULES[name].scales:
        assert off < 1e-9
    elif name == "iso":  # equal experts: c = 1/2 each, and 1 each where the ridge vanishes
        assert off > 0.01 if scale == 1e3 else off < 1e-4
    else:
        assert off > 1e-6 if scale == 1e-3 else off <= 2e-5


@mark.parametrize("name", EVERY)
def test_an_expert_equal_to_the_base_is_fine(name, model, needs):
    base, experts = model(1)
    count = count_for(name, 2)
    merged = merge(name, base, [*experts, base][:count], **needs(RULES[name], base, count))
    assert all(w.isfinite().all() for w in merged.values())


@mark.parametrize("name", [name for name in EVERY if name not in ("slerp", "karcher")])
def test_experts_all_equal_to_the_base_give_the_base(name, model, needs):
    base, _ = model(0)
    assert distance(merge(name, base, [base, base], **needs(RULES[name], base, 2)), base) < 1e-11


@mark.parametrize("name", EVERY)
def test_matrices_without_rank(name, model, needs):
    """A base of rank 2 and updates of rank 1, as LoRA makes them; an all-zero matrix besides."""
    base, _ = model(0, shapes={"a": (16, 2), "b": (2, 12), "x": (16, 1), "y": (1, 12)})
    count = count_for(name, 2)
    w0 = base["a"] @ base["b"]
    experts = [{"w": w0 + 0.1 * (at + 1) * base["x"].roll(at, 0) @ base["y"].roll(at, 1), "zero": torch.zeros(4, 6).double()}
               for at in range(count)]  # fmt: skip
    state = {"w": w0, "zero": torch.zeros(4, 6).double()}
    merged = merge(name, state, experts, **needs(RULES[name], state, count))
    assert all(w.isfinite().all() for w in merged.values()) and not merged["zero"].any()
    if name in FRAMES:
        assert (torch.linalg.svdvals(merged["w"]) - torch.linalg.svdvals(w0)).abs().max() < 1e-10
    elif name not in ("slerp", "karcher", "orthomerge", *FLAT):
        assert torch.linalg.norm(merged["w"] - w0) < 3 * sum(torch.linalg.norm(e["w"] - w0) for e in experts)


@mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@mark.parametrize("name", EVERY)
def test_the_dtype_of_the_base_is_the_results(name, dtype, model, needs):
    base, experts = model(count_for(name, 2))
    stored = [{key: w.to(dtype) for key, w in side.items()} for side in (base, *experts)]
    wide = [{key: w.double() for key, w in side.items()} for side in stored]
    options = needs(RULES[name], base, len(experts))
    merged = merge(name, stored[0], stored[1:], **options)
    assert {w.dtype for w in merged.values()} == {dtype}
    exact = merge(name, wide[0], wide[1:], **options)
    eps = torch.finfo(dtype).eps
    if name not in ("ties", "knots", "orthomerge", "ram", "ram-plus"):  # thresholds may fall between two roundings
        assert all((merged[key].double() - w).abs().max() <= eps * w.abs().max() + 1e-6 for key, w in exact.items())


def test_unmoved_entries_stay_bit_for_bit(model):
    base, experts = model(3)
    for expert in experts:
        expert["tall"][3:] = base["tall"][3:]
    for name in ("mean", "task-arithmetic", "ties", "dare", "ram", "ram-plus"):
        assert torch.equal(merge(name, base, experts)["tall"][3:], base["tall"][3:])


def test_arguments_are_not_written_to(model, needs):
    base, experts = model(2)
    before = [{key: w.clone() for key, w in side.items()} for side in (base, *experts)]
    for name, rule in RULES.items():
        merge(name, base, experts, **needs(rule, base, 2))
    assert all(torch.equal(w, side[key]) for side, old in zip((base, *experts), before, strict=True) for key, w in old.items())


@pytest.mark.parametrize("name", EVERY)
def test_every_rule_says_what_it_is(name):
    rule = RULES[name]
    assert rule.says and rule.source and rule.body.__doc__ and rule.name == name
