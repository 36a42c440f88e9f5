"""What a run of the bench keeps, and gradients taken from it afterwards."""

import json

import pytest
import torch
from harness.errors import TrainingError
from harness.training import cache, lm, recipes
from harness.training.cache import Request
from harness.training.lm_run import LanguageRun

ARMS = ("lm_adamw", "lm_galore", "lm_frozen")


def run(arm, seed=0):
    return cache.ensure(Request(arm, "tiny", seed))


@pytest.fixture
def trained(cache_folder, few_steps, monkeypatch):
    """Three runs of four steps, evaluated on 8 windows."""
    monkeypatch.setattr(lm, "EVALUATED", 8)
    return {arm: run(arm) for arm in ARMS}


def of(run):
    return LanguageRun(run, recipes.get(run.arm, "tiny"))


def test_a_run_keeps_its_curve_and_the_size_of_its_optimizer(trained):
    for arm in ARMS:
        assert tuple(of(trained[arm]).curve()) == trained[arm].steps == (0, 3, 4)
    assert sum(of(trained["lm_adamw"]).state_elements().values()) == 2 * sum(
        w.numel() for w in trained["lm_adamw"].matrices().values()
    )
    assert set(of(trained["lm_frozen"]).state_elements().values()) == {0}


def test_the_last_loss_is_that_of_the_stored_weights(trained):
    """Not rounded: the rank of an update would not survive the bf16 grid."""
    found = of(trained["lm_galore"])
    assert found.held_out(found.model()).loss == pytest.approx(found.curve()[4].loss, abs=1e-12)
    assert not all(torch.equal(w.bfloat16().float(), w) for w in trained["lm_galore"].weights().values())


def test_frozen_matrices_stand_still_and_all_else_moves(trained):
    first, last = trained["lm_frozen"].weights(0), trained["lm_frozen"].weights()
    assert all(norm == 0.0 for norm in trained["lm_frozen"].change().norm().values())
    assert not torch.equal(first["lm_head.weight"], last["lm_head.weight"])
    assert not torch.equal(first["model.embed_tokens.weight"], last["model.embed_tokens.weight"])


def test_a_change_knows_its_accuracy_on_the_text(trained):
    change = trained["lm_adamw"].change()
    assert change.graded == "grammar" and change.accuracy == of(trained["lm_adamw"]).curve()[4].accuracy
    assert change.gain == change.accuracy - of(trained["lm_adamw"]).curve()[0].accuracy


def test_a_second_ask_reads_the_cache(trained, monkeypatch):
    from harness.training import train

    monkeypatch.setattr(train, "train", lambda *args, **options: pytest.fail("trained twice"))
    assert run("lm_galore").key == trained["lm_galore"].key


def test_the_same_key_gives_the_same_bits(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "again"))
    again, first = run("lm_galore").weights(), trained["lm_galore"].weights()
    assert all(torch.equal(again[name], first[name]) for name in first)


def test_the_gradient_of_a_step_is_what_its_log_states(trained):
    """Truth: the log has that step's loss and gradient norm, so the batch is its own."""
    run = trained["lm_adamw"]
    model, row = of(run).model(3), run.log[3]
    text = lm.tokens(of(run)._tokenizer, "grammar", "train")
    stream = lm.batches(of(run).recipe, text, run.seed)
    batch = [next(stream) for _ in range(4)][3]
    loss = lm.cross_entropy(model, batch)
    loss.backward()
    assert loss.item() == pytest.approx(row["loss"], rel=1e-6) and row["step"] == 4
    total = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item()
    assert total == pytest.approx(row["grad_norm"], rel=1e-5)
    for name, gradient in of(run).step_gradients(3).items():
        assert torch.equal(gradient, dict(model.named_parameters())[f"model.{name}.weight"].grad)


def test_probe_gradients_are_of_every_matrix_and_of_the_same_windows(trained):
    found = of(trained["lm_galore"])
    one = found.gradients(0, windows=8)
    assert {name: g.shape for name, g in one.items()} == {name: w.shape for name, w in found.run.matrices(0).items()}
    twin = of(trained["lm_adamw"]).gradients(0, windows=8)  # the same weights at step 0
    other, dealt = found.gradients(0, draw=1, windows=8), found.gradients(0, windows=8, shuffled=True)
    for name, gradient in one.items():
        assert torch.equal(gradient, twin[name])
        assert not torch.equal(gradient, other[name]) and not torch.equal(gradient, dealt[name])


def test_a_probe_may_be_as_short_as_a_claim_asks_for(trained):
    """Two windows of 4 characters: their gradient has at most 8 directions."""
    found = of(trained["lm_galore"])
    probe = found.probe(draw=2, windows=2, context=4)
    assert probe.ids.shape == probe.targets.shape == (2, 4) and torch.equal(probe.ids[:, 1:], probe.targets[:, :-1])
    few = found.gradients(4, draw=2, windows=2, context=4)
    assert max(torch.linalg.matrix_rank(g).item() for g in few.values()) <= 8


def test_a_step_that_was_not_kept_is_a_sentence(trained):
    with pytest.raises(TrainingError, match=r"kept steps \[0, 3, 4\], not 2"):
        of(trained["lm_galore"]).gradients(2)


def test_the_pace_is_read_between_snapshots(trained):
    """Of four steps only the second and its successor lie clear of 3 and 4: seconds of step 2 less those of step 1."""
    log = trained["lm_galore"].log
    assert of(trained["lm_galore"]).step_seconds() == log[1]["seconds"] - log[0]["seconds"]


def test_a_run_is_small(trained):
    """Weights at three steps, a log, a manifest: gradients take no room."""
    sizes = {path.name: path.stat().st_size for path in trained["lm_galore"].path.iterdir()}
    assert set(sizes) == {"manifest.json", "log.json", *(f"weights-{step:06d}.safetensors" for step in (0, 3, 4))}
    manifest = json.loads((trained["lm_galore"].path / "manifest.json").read_text())
    assert manifest["graded"] == "grammar" and manifest["recipe"]["matrices"]["method"] == "galore"
