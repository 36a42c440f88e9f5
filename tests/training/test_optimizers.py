from dataclasses import replace

import pytest
import torch
from harness.interventions.sparse_mask import MASKS
from harness.interventions.spectrum_training import SPECTRA
from harness.interventions.storage import STORAGES
from harness.models import tiny
from harness.training import optimizers, recipe
from harness.training.recipe import Matrices, Recipe
from harness.training.runs import projections

RECIPE = Recipe(arm="sft", task="addition", steps=3, batch=8, lr=0.1, base="pretrain")


@pytest.fixture
def model():
    return tiny.build(0).model


def three_steps(model, recipe, gradient=1.0):
    """Constant gradient g, learning rate .1; returns one scalar path of lm_head."""
    optimizer = optimizers.build(recipe, model, seed=0)
    path = [model.lm_head.weight[0, 0].item()]
    for _ in range(3):
        model.zero_grad()
        (gradient * model.lm_head.weight.sum()).backward()
        optimizer.step()
        path.append(model.lm_head.weight[0, 0].item())
    return path


def test_sgd_has_momentum_nine_tenths(model):
    """By hand: u = 1, 1.9, 2.71 for a gradient of 1."""
    path = three_steps(model, replace(RECIPE, optimizer="sgd"))
    steps = [a - b for a, b in zip(path, path[1:], strict=False)]
    assert steps == pytest.approx([0.1, 0.19, 0.271], abs=1e-6)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_adam_and_sgd_decay_inside_the_gradient(model, optimizer):
    """First step by hand, at gradient 0: Adam normalises the decay to a full step, SGD multiplies by 1 - lr wd."""
    w = model.lm_head.weight[0, 0].item()
    path = three_steps(model, replace(RECIPE, optimizer=optimizer, weight_decay=0.5), gradient=0.0)
    expected = w - 0.1 * (1 if w > 0 else -1) if optimizer == "adam" else w * (1 - 0.1 * 0.5)
    assert path[1] == pytest.approx(expected, abs=1e-6)


def test_adamw_decays_beside_the_gradient(model):
    w = model.lm_head.weight[0, 0].item()
    assert three_steps(model, replace(RECIPE, weight_decay=0.5), 0.0)[1] == pytest.approx(w * (1 - 0.1 * 0.5), abs=1e-7)


def test_adam_without_decay_is_adamw_bit_for_bit():
    paths = [three_steps(tiny.build(0).model, replace(RECIPE, optimizer=kind)) for kind in ("adam", "adamw")]
    assert paths[0] == paths[1]


@pytest.mark.parametrize("optimizer", recipe.OPTIMIZERS)
@pytest.mark.parametrize("mask", ["principal", "low"])
def test_a_mask_lets_half_of_every_matrix_move_and_nothing_else(model, optimizer, mask):
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    chosen = optimizers.build(replace(RECIPE, optimizer=optimizer, mask=mask, weight_decay=0.1), model, seed=0)
    sum(p.sum() for p in model.parameters()).backward()
    chosen.step()
    matrices = {id(p) for p in projections(dict(model.named_parameters())).values()}
    for name, p in model.named_parameters():
        moved = (p != start[name]).float().mean().item()
        assert moved == pytest.approx(0.5, abs=1e-3) if id(p) in matrices else moved == 0.0, name


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("change", [dict(optimizer="sgd"), dict(matrices=Matrices("muon", 0.1))], ids=["sgd", "muon"])
def test_a_spectrum_is_held_or_all_that_moves_of_every_matrix_and_all_else_trains(model, spectrum, change):
    """Truth: LAPACK's values, and the base's frames; muon is stepped beside an AdamW."""
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    chosen = optimizers.build(replace(RECIPE, spectrum=spectrum, **change), model, seed=0)
    sum(p.square().sum() for p in model.parameters()).backward()
    chosen.step()
    matrices = {id(p) for p in projections(dict(model.named_parameters())).values()}
    for name, p in model.named_parameters():
        u, s, vh = torch.linalg.svd(start[name].double(), full_matrices=False) if p.ndim == 2 else (None, None, None)
        if id(p) not in matrices:
            assert not torch.equal(p, start[name])
        elif spectrum == "held":
            torch.testing.assert_close(torch.linalg.svdvals(p.detach().double()), s, rtol=0, atol=1e-5 * s[0].item())
        else:
            c = u.T @ p.detach().double() @ vh.T
            assert (c - c.diagonal().diag()).abs().max() < 1e-5 * s[0] and (c.diagonal() - s).abs().max() > 1e-3 * s[0]


def test_the_names_in_recipes_are_those_of_the_interventions():
    assert (recipe.STORAGES, recipe.MASKS, recipe.SPECTRA) == (STORAGES, MASKS, SPECTRA)
