"""OTA and FFG against loops over entries."""

import torch
from harness.errors import MeasureError
from harness.merging import Given, merge
from harness.merging.ota import compressed, ota
from pytest import approx, mark, raises


def by_hand(w0, experts, moments, masks, power=0.5, eps=1e-26):
    out = torch.zeros_like(w0).flatten()
    for at, base in enumerate(w0.flatten().tolist()):
        pairs = zip(moments, masks, strict=True)
        weights = [(v.flatten()[at].item() ** power + eps) * m.flatten()[at].item() for v, m in pairs]
        moves = sum(w * (e.flatten()[at].item() - base) for w, e in zip(weights, experts, strict=True))
        out[at] = base + (moves / sum(weights) if sum(weights) else 0.0)
    return out.reshape(w0.shape)


@mark.parametrize("power", [0.5, 1.0])
def test_ota_is_the_weighted_mean(power, normal):
    w0, experts, v = normal(7, 6), [normal(7, 6) for _ in range(3)], [normal(7, 6).square() for _ in range(3)]
    ones = [torch.ones(7, 6)] * 3
    assert torch.allclose(ota(w0, experts, Given(tuple(v)), power=power), by_hand(w0, experts, v, ones, power), atol=1e-12)


def test_ffg_thresholds_the_whole_model(normal):
    base = {"a": normal(20, 6), "b": normal(15)}
    experts = [{k: w + normal(*w.shape) for k, w in base.items()} for _ in range(2)]
    v = [{k: normal(*w.shape).square() for k, w in base.items()} for _ in range(2)]
    merged = merge("ota", base, experts, extras=v, mask=0.3)
    masks = []
    for e, moment in zip(experts, v, strict=True):
        scores = {k: moment[k] * (e[k] - w).square() for k, w in base.items()}
        least = torch.cat([s.flatten() for s in scores.values()]).sort(descending=True).values[int(0.3 * 135) - 1]
        masks.append({k: (s >= least).double() for k, s in scores.items()})
    for k, w in base.items():
        wanted = by_hand(w, *([each[k] for each in sides] for sides in (experts, v, masks)))
        assert torch.allclose(merged[k], wanted, atol=1e-12)
    untouched = (masks[0]["a"] + masks[1]["a"]) == 0
    assert torch.equal(merged["a"][untouched], base["a"][untouched])
    mean = merge("ota", base, experts, extras=v, mask=0.3, fallback="mean")["a"]
    assert torch.allclose(mean[untouched], (experts[0]["a"] + experts[1]["a"])[untouched] / 2)
    assert not torch.equal(merge("ota", base, experts, extras=v, mask=0.3, scope="tensor")["a"], merged["a"])


def test_a_kept_zero_would_dilute(normal):
    """Expert 1 moved a tenth of what a density of .4 asks for: its unmoved entries are not kept."""
    w0 = normal(10, 10)
    first, second = w0.clone(), w0 + normal(10, 10)
    first[0, :4] += 1.0
    ones = torch.ones(10, 10).double()
    merged = ota(w0, [first, second], Given((ones, ones)), mask=0.4)
    moved = (merged != w0) & (first == w0)
    assert torch.allclose(merged[moved], second[moved])


def test_moments_of_zero_weigh_equally(normal):
    w0, experts = normal(5, 4), [normal(5, 4) for _ in range(2)]
    none = torch.zeros(5, 4).double()
    assert torch.allclose(ota(w0, experts, Given((none, none))), sum(experts) / 2)


def test_rank_one_moments(normal):
    rows, columns = normal(6).square(), normal(5).square()
    assert torch.allclose(compressed(torch.outer(rows, columns)), torch.outer(rows, columns))
    v = normal(6, 5).square()
    close = compressed(v)
    assert torch.allclose(close.sum(0), v.sum(0)) and torch.allclose(close.sum(1), v.sum(1))
    assert torch.linalg.matrix_rank(close) == 1
    assert torch.equal(compressed(rows), rows) and not compressed(torch.zeros(3, 2)).any()
    w0, experts = normal(6, 5), [normal(6, 5) for _ in range(2)]
    given = Given((v, close))
    assert torch.allclose(ota(w0, experts, given, rank_one=True), sum(experts) / 2)


@mark.parametrize("extras", [None, [], "one"], ids=str)
def test_missing_moments_are_refused(extras, model, moments):
    base, experts = model(2)
    given = moments(base, 1) if extras == "one" else extras
    with raises(MeasureError, match="ota needs second moments of every expert: give extras, one mapping for each of 2"):
        merge("ota", base, experts, extras=given)


def test_bad_moments_are_refused(model, moments):
    base, experts = model(2)
    for spoil, says in (
        (lambda each: each.pop("wide"), "ota needs second moments of every expert, and wide lacks some"),
        (lambda each: each.update(wide=each["wide"].T), r"the second moments of wide for expert 2 are 21 x 9, not 9 x 21"),
        (lambda each: each["wide"][0].fill_(-1.0), "second moments of wide for expert 2 are negative somewhere"),
        (lambda each: each["wide"][0].fill_(float("nan")), "moments of wide for expert 2 holds 21 entries that are not finite"),
    ):
        v = moments(base, 2)
        spoil(v[1])
        for mask in (None, 0.4):
            with raises(MeasureError, match=says):
                merge("ota", base, experts, extras=v, mask=mask)


def test_eps_hides_small_moments(normal):
    w0, experts = torch.zeros(3).double(), [torch.ones(3).double(), torch.zeros(3).double()]
    given = Given((torch.full((3,), 1e-22).double(), torch.full((3,), 1e-24).double()))
    assert ota(w0, experts, given).tolist() == approx([10 / 11] * 3)
    assert ota(w0, experts, given, eps=1e-8).tolist() == approx([0.5] * 3, abs=1e-3)
