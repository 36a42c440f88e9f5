"""Merging in memory: bad input, tied tensors, tensors of other dtypes, Changes."""

import torch
from harness.errors import MeasureError, SpecError
from harness.merging import merge, merge_changes
from harness.spectra.change import Change
from pytest import mark, raises


def test_other_names_shapes_and_entries_are_refused(model):
    base, experts = model(2)
    for spoil, says in (
        (lambda e: e.pop("bias"), "bias is in the base and not in expert 2"),
        (lambda e: e.update(more=e["bias"]), "more is in expert 2 and not in the base"),
        (lambda e: e.update(wide=e["wide"].T), "wide is 21 x 9 in expert 2 and 9 x 21 in the base"),
        (lambda e: e["wide"][0, 0].fill_(float("nan")), "wide of expert 2 holds 1 entries that are not finite"),
        (lambda e: e["bias"].fill_(float("-inf")), "bias of expert 2 holds 13 entries that are not finite"),
    ):
        other = {key: w.clone() for key, w in experts[1].items()}
        spoil(other)
        with raises(MeasureError, match=says):
            merge("mean", base, [experts[0], other])


def test_nothing_to_merge_is_refused(model):
    base, _ = model(0)
    with raises(MeasureError, match="mean takes at least 1 experts, and 0 experts were given"):
        merge("mean", base, [])
    with raises(MeasureError, match="no tensor of a floating dtype"):
        merge("mean", {"a": torch.arange(3)}, [{"a": torch.arange(3)}])
    with raises(SpecError, match="did you mean 'ties'"):
        merge("tise", base, [base])


def test_the_parameter_is_named_where_a_rule_is_undefined(normal):
    w0 = normal(4, 3)
    with raises(MeasureError, match="^w: karcher: the experts' directions sum to zero"):
        merge("karcher", {"w": w0}, [{"w": w0}, {"w": -w0}])


def test_counters_are_copied(normal):
    base = {"w": normal(4, 3), "step": torch.tensor(7)}
    merged = merge("mean", base, [{"w": normal(4, 3), "step": torch.tensor(9)}])
    assert merged["step"] == 7 and list(merged) == ["w", "step"]


@mark.parametrize("method", ["dare", "iso", "mean"])
def test_tied_tensors_stay_tied(method, normal):
    def tied():
        table = normal(12, 6)
        return {"embed": table, "head": table}

    base, expert, other = tied(), tied(), tied()
    merged = merge(method, base, [expert, other])
    assert merged["head"] is merged["embed"]
    loose = {**expert, "head": expert["head"].clone()}
    assert merge(method, base, [loose])["head"] is not merge(method, base, [loose])["embed"]


def test_where_leaves_the_rest_to_the_mean(model):
    base, experts = model(2)
    merged = merge("iso", base, experts, where="tall|bias")
    assert torch.allclose(merged["square"], (experts[0]["square"] + experts[1]["square"]) / 2)
    assert torch.equal(merged["tall"], merge("iso", base, experts)["tall"])
    assert not torch.equal(merge("iso", base, experts)["square"], merged["square"])


def test_an_empty_tensor_and_a_number_pass_through(normal):
    base = {"none": torch.zeros(0, 3), "one": torch.tensor(2.0), "w": normal(3, 3)}
    expert = {"none": torch.zeros(0, 3), "one": torch.tensor(4.0), "w": normal(3, 3)}
    for method in ("mean", "ties", "knots", "model-stock"):
        merged = merge(method, base, [expert, expert])
        assert merged["none"].shape == (0, 3) and merged["one"] == 4.0
    assert merge("iso", base, [expert, expert])["one"] == 2.0


def test_a_wider_dtype_of_an_expert_counts(normal):
    base = {"w": torch.zeros(50).bfloat16()}
    expert = {"w": (1 + 1e-6 * normal(50)).float()}
    assert torch.allclose(merge("mean", base, [expert], dtype=torch.float64)["w"], expert["w"].double(), atol=1e-12)


def changes(normal, count=2):
    base = {"a": normal(8, 6).float(), "b": normal(5, 9).float()}
    return [Change(base, {name: 0.1 * normal(*w.shape) for name, w in base.items()}, label=f"arm {at}") for at in range(count)]


def test_changes_are_merged_to_a_change(normal):
    one, other = changes(normal)
    merged = merge_changes("mean", [one, other])
    assert merged.base is one.base and merged.label == "mean of arm 0, arm 1"
    assert all(torch.allclose(d, (one.update[n] + other.update[n]) / 2, atol=1e-15) for n, d in merged.update.items())
    iso = merge_changes("iso", [one, other])
    for name, w0 in iso.base.items():
        assert (torch.linalg.svdvals(w0.double() + iso.update[name]) - torch.linalg.svdvals(w0.double())).abs().max() < 1e-10


def test_changes_of_other_bases_are_refused(normal):
    with raises(MeasureError, match="arm 0 and arm 0 have other bases"):
        merge_changes("mean", [changes(normal)[0], changes(normal)[0]])
    with raises(MeasureError, match="give at least one change"):
        merge_changes("mean", [])
