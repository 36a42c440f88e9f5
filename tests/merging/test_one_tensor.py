"""One tensor in chunks is the same as whole; draws belong to names."""

import torch
from harness.merging import RULES, Tensors, merge, one_tensor
from pytest import mark

ENTRYWISE = sorted(name for name, rule in RULES.items() if rule.entrywise and not rule.draws)


@mark.parametrize("name", ENTRYWISE)
def test_chunks_are_the_whole(name, model, needs, monkeypatch):
    """Also that what a rule calls local is all that it needs to know of the rest of the tensor."""
    rule = RULES[name]
    base, experts = model(min(3, rule.most or 3))
    options = needs(rule, base, len(experts)) | ({"mask": 0.4} if name == "ota" else {})
    whole = merge(name, base, experts, **options)
    monkeypatch.setattr(one_tensor, "CHUNK", 7)
    cut = merge(name, base, experts, **options)
    assert all(torch.allclose(cut[key], w, atol=1e-14, rtol=0.0) for key, w in whole.items())
    if name != "ota":  # whose threshold is the model's
        direct = rule(base["tall"], [e["tall"] for e in experts], given(options), **rule.options)
        assert torch.allclose(direct, whole["tall"], atol=1e-14, rtol=0.0)


def given(options):
    from harness.merging import Given

    return Given(tuple(each["tall"] for each in options.get("extras", ())))


def test_draws_in_chunks_repeat(normal, monkeypatch):
    base, expert = {"w": normal(40, 5)}, {"w": normal(40, 5)}
    monkeypatch.setattr(one_tensor, "CHUNK", 64)
    assert torch.equal(merge("dare", base, [expert])["w"], merge("dare", base, [expert])["w"])


def test_tensors_are_upcast_when_asked_for():
    wide = one_tensor.Wide((torch.zeros(2).half(), torch.ones(2).half()), torch.float64, torch.device("cpu"))
    assert [each.dtype for each in wide] == [torch.float64] * 2 and wide[1].tolist() == [1.0, 1.0] and len(wide[:1]) == 1


@mark.parametrize(("stored", "spectral", "plain"), [("bfloat16", "float64", "float32"), ("float32", "float64", "float64")])
def test_working_dtypes(stored, spectral, plain):
    dtype = getattr(torch, stored)
    found = Tensors("w", torch.zeros(2, 2, dtype=dtype), (torch.zeros(2, 2, dtype=dtype),))
    for name, wanted in (("tsv-m", spectral), ("mean", plain)):
        wide = one_tensor.widened(RULES[name], found)
        assert str(wide.base.dtype) == str(wide.experts[0].dtype) == f"torch.{wanted}"
    wide = one_tensor.widened(RULES["iso"], found)
    assert wide.base.dtype == wide.experts[0].dtype == dtype


def test_large_finite_entries_are_finite():
    big = torch.full((4,), 3e38)
    assert one_tensor.is_finite(big) and not one_tensor.is_finite(torch.tensor([1.0, float("inf")]))
    assert not one_tensor.is_finite(torch.tensor([float("inf"), float("-inf")]))
