"""Every prefix of `spread` is a stratified sample."""

import random
from collections import Counter

from pytest import mark

from harness.models.pair import Entry
from harness.models.sample import first_of_each, low_discrepancy, spread, strata

MODULES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def entry(layer, module, name=None):
    return Entry(name or f"layers.{layer}.{module}", layer, module, (8, 8), "float32", "float32")


def llama(layers=32):
    return [entry(layer, module) for layer in range(layers) for module in MODULES]


def experts(layers=8, count=16):
    return [entry(i, "mlp.experts.up_proj", f"layers.{i}.mlp.experts.{e}.up_proj") for i in range(layers) for e in range(count)]


@mark.parametrize("entries", [llama(), llama(1), experts(), llama(3) + experts(5, 3), []], ids=["llama", "one", "experts", "mixed", "none"])
def test_it_is_a_permutation(entries):
    assert sorted(spread(entries)) == sorted(entries)


def test_the_order_of_the_input_plays_no_part():
    shuffled = llama() + experts()
    random.Random(0).shuffle(shuffled)
    assert spread(shuffled) == spread(llama() + experts()) == spread(spread(shuffled))


@mark.parametrize("rounds", [1, 2, 5])
def test_a_prefix_has_as_many_of_each_module(rounds):
    taken = spread(llama())[: rounds * len(MODULES)]
    assert Counter(each.module for each in taken) == dict.fromkeys(MODULES, rounds)


def test_modules_come_in_proportion_to_their_size():
    """32 of one, 4 of another: the first two are one of each, then eight of the large for one of the small."""
    many = [entry(i, "mlp.up_proj") for i in range(32)] + [entry(i, "cross.k_proj") for i in range(4)]
    assert {each.module for each in spread(many)[:2]} == {"mlp.up_proj", "cross.k_proj"}
    for length in range(4, 36):
        small = sum(each.module == "cross.k_proj" for each in spread(many)[:length])
        assert abs(small - length * 4 / 36) <= 1


@mark.parametrize("depth", [8, 28, 32, 33, 80])
def test_the_first_layers_of_every_module_are_spread(depth):
    """Four layers of a module leave no stretch of half the depth untouched; one round of all modules is at different depths."""
    order = spread(llama(depth))
    for module in MODULES:
        layers = [each.layer for each in order if each.module == module]
        first = sorted(layers[:4])
        around = [(b - a) % depth for a, b in zip(first, [*first[1:], first[0]], strict=True)]
        assert max(around) <= depth / 2 and len(set(layers)) == depth
    first_round = {each.layer for each in order[: len(MODULES)]}
    assert len(first_round) >= 5 and max(first_round) - min(first_round) >= depth / 2


def test_experts_of_the_first_layers_differ():
    order = spread(experts())
    assert {each.layer for each in order[:8]} == set(range(8))
    assert len({each.name.split(".")[4] for each in order[:8]}) >= 6


def test_a_model_without_layers_is_told_apart_by_names_without_numbers():
    names = [f"conv.{i}.{which}" for i in range(12) for which in ("core", "gate")]
    entries = [entry(-1, name, name) for name in names]
    assert set(strata(entries)) == {"conv.*.core", "conv.*.gate"}
    assert [each.name for each in strata(entries)["conv.*.core"]][:3] == ["conv.0.core", "conv.1.core", "conv.2.core"]
    assert {each.name.split(".")[2] for each in spread(entries)[:2]} == {"core", "gate"}


def test_the_first_of_each():
    few = first_of_each(llama() + [entry(0, "head")], 2)
    assert Counter(each.module for each in few) == dict.fromkeys(MODULES, 2) | {"head": 1}
    assert list(few) == [each for each in spread(llama() + [entry(0, "head")]) if each in few]


def test_fractions_are_van_der_corputs():
    assert low_discrepancy(range(8)) == [0, 4, 2, 6, 1, 5, 3, 7]
    assert low_discrepancy(range(8), offset=0.5) == [4, 0, 6, 2, 5, 1, 7, 3]
    assert low_discrepancy([]) == []
