"""TIES and DARE against loops over entries."""

import torch
from harness.merging import Given, merge
from harness.merging.ties import dare, elected, ties
from pytest import approx, mark


def ties_by_hand(w0, experts, density, lam):
    rows = [(expert - w0).flatten().tolist() for expert in experts]
    k = max(1, int(density * len(rows[0])))
    rows = [[x if abs(x) >= sorted(map(abs, row))[-k] else 0.0 for x in row] for row in rows]
    merged = []
    for column in zip(*rows, strict=True):
        total = sum(column)
        agree = [x for x in column if x * total > 0.0]
        merged.append(lam * sum(agree) / len(agree) if agree else 0.0)
    return w0 + torch.tensor(merged, dtype=torch.float64).reshape(w0.shape)


@mark.parametrize("density", [0.1, 0.2, 0.7, 1.0])
@mark.parametrize("count", [1, 2, 3])
def test_ties_is_the_loop_over_entries(density, count, normal):
    w0 = normal(12, 7)
    experts = [w0 + normal(12, 7) for _ in range(count)]
    assert torch.allclose(ties(w0, experts, density=density, lam=0.7), ties_by_hand(w0, experts, density, 0.7), atol=1e-12)


def test_where_signs_cancel_none_is_elected():
    assert elected([torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, -1.0, 1.0])]).tolist() == [0.0, 2.0, 2.0]


def test_in_chunks_it_is_the_same(normal, monkeypatch):
    from harness.merging import ties as home

    monkeypatch.setattr(home, "CHUNK", 10)
    deltas = [normal(9, 7) for _ in range(3)]
    assert torch.allclose(home.trimmed_mean(deltas, 0.3), ties(torch.zeros(9, 7).double(), deltas, density=0.3))


def test_trimming_over_the_model_leaves_a_small_tensor_nothing(normal):
    base = {"loud": normal(40, 10), "quiet": normal(10, 10)}
    experts = [{"loud": base["loud"] + normal(40, 10), "quiet": base["quiet"] + 1e-6 * normal(10, 10)} for _ in range(2)]
    whole = merge("ties", base, experts, scope="model")
    assert torch.equal(whole["quiet"], base["quiet"]) and not torch.equal(whole["loud"], base["loud"])
    assert not torch.equal(merge("ties", base, experts)["quiet"], base["quiet"])
    flat = {"all": torch.cat([w.flatten() for w in base.values()])}
    joined = merge("ties", flat, [{"all": torch.cat([w.flatten() for w in e.values()])} for e in experts])["all"]
    assert torch.allclose(torch.cat([w.flatten() for w in whole.values()]), joined, atol=1e-14)


def test_dare_keeps_what_it_should_and_its_expectation(normal):
    w0, draw = torch.zeros(400, 300).double(), torch.Generator().manual_seed(1)
    expert = normal(400, 300)
    merged = dare(w0, [expert], Given(generator=draw), drop=0.75)
    hit = merged != 0.0
    assert hit.double().mean().item() == approx(0.25, abs=5 * (0.25 * 0.75 / 120000) ** 0.5)
    assert torch.allclose(merged[hit], 4 * expert[hit])
    draws = [Given(generator=torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(*(dare(w0, [expert, 2 * expert], given, combine="ties") for given in draws))


def test_dares_draws_belong_to_seed_and_name(model):
    base, experts = model(2)
    alone = merge("dare", {"wide": base["wide"]}, [{"wide": e["wide"]} for e in experts], seed=3)
    assert torch.equal(alone["wide"], merge("dare", base, experts, seed=3)["wide"])
    assert not torch.equal(alone["wide"], merge("dare", base, experts, seed=4)["wide"])
