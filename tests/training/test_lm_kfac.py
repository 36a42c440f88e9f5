"""Factors of a run: against the definition, position by position, on the windows that were asked for."""

import pytest
import torch
from harness.errors import TrainingError
from harness.training import cache, lm, recipes
from harness.training.cache import Request
from harness.training.lm_kfac import lm_kfac
from harness.training.lm_run import LanguageRun

NAME = "layers.1.mlp.up_proj"


@pytest.fixture
def run(cache_folder, few_steps, monkeypatch):
    """AdamW's run, four steps long."""
    monkeypatch.setattr(lm, "EVALUATED", 8)
    lm_kfac.cache_clear()
    return LanguageRun(cache.ensure(Request("lm_adamw", "tiny", 0)), recipes.get("lm_adamw", "tiny"))


def test_factors_are_second_moments_over_positions(run):
    """Brute force: the layer's inputs, and the gradient of the summed loss by its output, of one batch."""
    model, batch = run.model(4), run.probe(draw=1, windows=8)
    layer, seen = model.get_submodule(f"model.{NAME}"), {}

    def keep(_, inputs, output):
        output.retain_grad()
        seen.update(a=inputs[0], y=output)

    handle = layer.register_forward_hook(keep)
    (lm.cross_entropy(model, batch) * batch.targets.numel()).backward()
    handle.remove()
    a, g = (t.detach().double().flatten(0, 1) for t in (seen["a"], seen["y"].grad))
    found = lm_kfac(run, 4, windows=8)[NAME]
    assert found.rows == len(a) == 8 * 64
    assert torch.allclose(found.A, a.T @ a / len(a), rtol=1e-5, atol=1e-10)
    assert torch.allclose(found.G, g.T @ g / len(g), rtol=1e-4, atol=1e-10)


def test_in_chunks_it_is_the_same(run, monkeypatch):
    whole = lm_kfac(run, 4, windows=8)[NAME]
    lm_kfac.cache_clear()
    monkeypatch.setattr("harness.training.lm_kfac.CHUNK", 3)
    assert torch.allclose(lm_kfac(run, 4, windows=8)[NAME].G, whole.G, rtol=1e-4, atol=1e-12)


def test_every_judged_matrix_has_factors_of_its_shape(run):
    shapes = {name: tuple(w.shape) for name, w in run.run.matrices().items()}
    assert {name: (len(f.G), len(f.A)) for name, f in lm_kfac(run, windows=8).items()} == shapes


def test_other_windows_or_other_targets_are_others(run):
    one, other, dealt = lm_kfac(run, windows=8), lm_kfac(run, draw=2, windows=8), lm_kfac(run, windows=8, shuffled=True)
    assert not torch.allclose(one[NAME].A, other[NAME].A)
    assert torch.equal(one[NAME].A, dealt[NAME].A) and not torch.allclose(one[NAME].G, dealt[NAME].G)


def test_it_is_computed_once(run):
    assert run.kfac(4, windows=8) is lm_kfac(run, 4, windows=8)


def test_a_step_that_was_not_kept_is_a_sentence(run):
    with pytest.raises(TrainingError, match="kept steps"):
        lm_kfac(run, 2, windows=8)
