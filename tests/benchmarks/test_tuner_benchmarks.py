"""What is stepped is what is meant: one model, one batch, the tuner's numbers and no others, and bytes by kind."""

import pytest
import torch
from harness.models.adapters import TUNERS
from suites.benchmarks import tuner_runs, tuner_table

SMALL = {"width": 64, "mlp": 128}
PER_RANK = 2 * (4 * (64 + 64) + 3 * (64 + 128))
"""m + n over the fourteen projections."""


@pytest.fixture(scope="module")
def made():
    """Steppings by tuner, each made once."""
    return {name: tuner_runs.stepping(name, **SMALL) for name in ("full", "lora", "dora", "vera")}


def test_all_start_from_one_model_and_one_batch():
    """At a rate of zero a tuner that starts as the identity has the loss of full fine-tuning."""
    ids, losses = tuner_runs.tokens(0), []
    for name in ("full", "lora"):
        made = tuner_runs.stepping(name, **SMALL)
        fresh = tuner_runs.model(0, **SMALL)
        weights = {key.replace(".base_layer", ""): p for key, p in made.model.named_parameters() if "lora_" not in key}
        still = [key for key, p in fresh.named_parameters() if torch.equal(p, weights[key])]
        assert len(still) == (len(weights) if name == "lora" else len(weights) - 14)
        losses.append(fresh(input_ids=ids, labels=ids).loss.item())
    assert losses[0] == losses[1]


def test_a_step_moves_what_trains_and_frees_gradients(made):
    for name, of in made.items():
        before = {key: p.detach().clone() for key, p in of.trained.items()}
        assert of.step() > 0.0
        assert any(not torch.equal(p, before[key]) for key, p in of.trained.items()), name
        assert all(p.grad is None for p in of.model.parameters())


def test_bytes_are_the_counts(made):
    lora, full, vera = (tuner_runs.counted(made[name]) for name in ("lora", "full", "vera"))
    r, matrices = tuner_runs.RANK, 2 * (4 * 64 * 64 + 3 * 64 * 128)
    assert lora.trained == lora.gradients == 4 * r * PER_RANK and lora.kept == 0
    assert lora.moments == 2 * lora.trained + 4 * 28  # a counter a factor
    assert full.trained == 4 * matrices and full.moments == 2 * full.trained + 4 * 14 and full.kept == 0
    assert vera.kept == 4 * r * (128 + 128)  # two projections of the largest sides, shared by all layers
    assert lora.state == 4 * lora.trained + 4 * 28


def test_what_is_held_for_backward_is_seen_once_and_without_weights(made):
    """DoRA keeps merged matrices besides; nothing keeps less than one input a layer."""
    held = {name: tuner_runs.counted(of).held for name, of in made.items()}
    assert held["dora"] > held["lora"] + 4 * 14 * 64 * 64
    assert held["full"] > 4 * 2 * 512 * (4 * 64 + 128)


def test_sparse_tensors_are_counted_by_their_entries():
    """SHiRA adds a sparse matrix to each weight."""
    shira = tuner_runs.counted(tuner_runs.stepping("shira", **SMALL))
    assert shira.trained == 4 * tuner_runs.RANK * PER_RANK and shira.held > 4 * 14 * 64 * 64


def test_a_claim_over_the_same_tuner_is_one():
    found = tuner_table.rows(["lora"], rounds=3, **SMALL)
    [row] = found
    assert row.over_lora == pytest.approx(1.0, rel=0.5) and row.trains == tuner_runs.RANK * PER_RANK
    assert str(row).startswith(f"| lora | {row.trains:,} | {row.over_lora:.2f} | ")


def test_the_table_has_every_tuner_that_trains():
    names = tuner_table.known()
    assert names[:2] == ["full", "lora"] and set(names[1:]) == {name for name, row in TUNERS.items() if row.trains}
