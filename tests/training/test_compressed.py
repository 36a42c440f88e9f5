"""A compressed model inside a run: what trains, what is stored, and that all else is as it was."""

import pytest
import torch
from harness.compression import LowRankLinear, find_threshold, value_spectra
from harness.errors import MeasureError, TrainingError
from harness.models import tiny
from harness.training import cache, compressed, finetunes, lm, methods, recipes
from harness.training.cache import Request
from harness.training.compressed import compress, dense
from harness.training.finetunes import Compression
from harness.training.lm_run import LanguageRun
from harness.training.runs import projections


@pytest.fixture
def model():
    """A tiny model in whose second layer five of seven matrices have a quarter of their rank."""
    built = tiny.build(0).model
    for name, weight in projections(dict(built.named_parameters())).items():
        if name.startswith("layers.1") and not name.endswith(("q_proj", "down_proj")):
            u, s, vh = torch.linalg.svd(weight.detach(), full_matrices=False)
            s[len(s) // 4 :] *= 0.01
            weight.data.copy_(u * s @ vh)
    return built


def trainable(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("trains", finetunes.TRAINS, ids="trains={}".format)
def test_what_is_named_trains_and_nothing_else(model, trains):
    how = Compression(trains, reduction=0.4)
    found = compress(model, how, seed=0)
    names, norms = trainable(model), {name for name, _ in model.named_parameters() if "norm" in name}
    assert names == set(found.names) and norms <= names
    assert found.entries == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert found.entries + found.frozen == sum(p.numel() for p in model.parameters())
    layers = {name.rpartition(".")[0] for name in names - norms}
    low, whole = set(found.lrc), set(found.n_lrc)
    assert len(low) == 5 and len(whole) == 9
    expected = {"low_rank": low, "others": whole, "all": low | whole | {"lm_head", "model.embed_tokens"}}
    assert layers == expected.get(trains, layers)


def test_a_random_choice_has_as_many_entries_and_is_another(model):
    import copy

    low, chosen = (compress(copy.deepcopy(model), Compression(trains, 0.4), 3) for trains in ("low_rank", "random"))
    assert abs(chosen.entries - low.entries) <= 0.1 * low.entries and set(chosen.names) != set(low.names)
    others = {compress(copy.deepcopy(model), Compression("random", 0.4), seed).names for seed in range(4)}
    assert chosen.names == compress(copy.deepcopy(model), Compression("random", 0.4), 3).names and len(others) > 1


def test_no_other_choice_is_a_sentence(model, monkeypatch):
    monkeypatch.setattr(compressed, "TRIES", 0)
    with pytest.raises(TrainingError, match="No other choice of layers"):
        compress(model, Compression("random", 0.4), 0)


def test_nothing_low_rank_is_a_sentence():
    with pytest.raises(MeasureError, match="no layer is reduced"):
        compress(tiny.build(0).model, Compression("low_rank", 0.1), 0)


def test_dense_is_the_truncation_under_the_old_names(model):
    """Truth: the best approximation at the rule's ranks, by torch's own decomposition; all else bit for bit."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    spectra = value_spectra({n: w for n, w in before.items() if n in {f"model.{s}.weight" for s in projections(before)}})
    ranks = find_threshold(spectra, 0.4).allocation.kept
    found = compress(model, Compression("low_rank", 0.4), 0)
    after = dense(model)
    assert {name: p.shape for name, p in after.items()} == {name: p.shape for name, p in before.items()}
    for name, p in after.items():
        if name.removesuffix(".weight") not in found.lrc:
            assert torch.equal(p, before[name])
            continue
        u, s, vh = torch.linalg.svd(before[name].double(), full_matrices=False)
        r = ranks[name]
        assert torch.allclose(p, u[:, :r] * s[:r] @ vh[:r], atol=1e-6)


def test_a_model_without_factors_gives_its_own_parameters():
    model = tiny.build(0).model
    assert all(p is dense(model)[name] for name, p in model.named_parameters())


@pytest.fixture
def runs(cache_folder, few_steps, monkeypatch):
    """Every way of fine-tuning, four steps of it on a base of four."""
    monkeypatch.setattr(lm, "EVALUATED", 8)
    return {arm: cache.ensure(Request(arm, "tiny", 0)) for arm in finetunes.ARMS}


def test_a_run_stores_dense_matrices_and_starts_from_the_truncation(runs):
    base = cache.load(Request("lm_adamw", "tiny", 0)).weights()
    starts = [run.weights(0) for run in runs.values()]
    assert all(torch.equal(starts[0][name], other[name]) for other in starts for name in base)
    low = set(runs["lm_lrc"].manifest["compressed"]["lrc"])
    for name, weight in starts[0].items():
        assert torch.equal(weight, base[name]) != (name.removesuffix(".weight") in low), name
        if name.removesuffix(".weight") in low:
            assert torch.linalg.matrix_rank(weight.double(), rtol=1e-5) <= min(weight.shape) / 2


def test_what_does_not_train_stands_still(runs):
    for arm, run in runs.items():
        first, last = run.weights(0), run.weights()
        moved = {name for name in first if not torch.equal(first[name], last[name])}
        trained = (name.removesuffix(".up").removesuffix(".down") for name in run.manifest["compressed"]["names"])
        stored = {name if name in first else f"{name}.weight" for name in trained}
        assert moved == stored, arm


def test_the_stored_model_is_the_one_that_was_trained(runs):
    """Its loss from the dense matrices is that which the factors had, up to the rounding of their product; ranks stay."""
    for arm, run in runs.items():
        found = LanguageRun(run, recipes.get(arm, "tiny"))
        model, last = found.model(), run.weights()
        assert found.held_out(model).loss == pytest.approx(found.curve()[4].loss, abs=1e-5)
        assert not any(isinstance(module, LowRankLinear) for module in model.modules())
        for path in run.manifest["compressed"]["lrc"]:
            assert torch.linalg.matrix_rank(last[f"{path}.weight"].double(), rtol=1e-5) <= min(last[f"{path}.weight"].shape) / 2


def test_the_log_has_the_distance_of_the_dense_matrices(runs):
    for run in runs.values():
        assert run.log[-1]["update_norm"] == pytest.approx(sum(n**2 for n in run.change().norm().values()) ** 0.5, rel=1e-4)


@pytest.mark.parametrize("arm", finetunes.ARMS, ids="arm={}".format)
def test_arms_differ_in_what_trains_and_in_a_rate_that_is_the_best_of_one_grid(arm):
    losses = finetunes.TUNED[arm]
    assert len(losses) == len(finetunes.GRID)
    best = finetunes.GRID[losses.index(min(losses))]
    assert finetunes.GRID[0] < best < finetunes.GRID[-1] and finetunes.rate(arm) == best
    assert recipes.get(arm, "tiny") == recipes.finetune_arm(arm, best)
    assert sorted(each.trains for each in finetunes.ARMS.values()) == sorted(finetunes.TRAINS)
    assert recipes.get(arm, "tiny").data_seed_offset != recipes.get(finetunes.BASE, "tiny").data_seed_offset


def test_tuning_reads_the_compressed_base(cache_folder, few_steps, monkeypatch):
    from dataclasses import replace

    from harness.training import tune

    monkeypatch.setattr(lm, "EVALUATED", 8)
    recipe = replace(recipes.finetune_arm("lm_lrc", 1e-3), steps=1, warmup=0, batch=16)
    base = cache.ensure(Request("lm_adamw", "tiny", 100))
    model = LanguageRun(base, recipes.get("lm_adamw", "tiny")).model()
    compress(model, recipe.compress, 100)
    before = lm.held_out(model, tiny.build(0).tokenizer, recipe, "tuning").loss
    assert tune.tuning_loss(recipe, 100) == pytest.approx(before, abs=0.2)
    assert tune.grid("lm_lrc") == finetunes.GRID and tune.grid("lm_galore") == methods.GRID
