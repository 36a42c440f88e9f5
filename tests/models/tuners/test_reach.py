"""Reaches that the table calls exact, on the matrices after three steps: what the update spans, not what the name promises."""

import pytest
import torch
from harness.models.adapters import TUNERS

RANK = 8  # of Adaptation
ROUNDING = 2e-6  # of fp32, relative to |W0|


def exact(reach):
    return [t for t, row in TUNERS.items() if row.config and row.trains and row.merges and row.exact and row.reach == reach]


def pairs(found):
    """(W0, W1) of every adapted matrix, fp64, by path."""
    for path, _ in found.adapted.layers():
        yield path, found.before[f"{path}.weight"].double(), found.after[f"{path}.weight"].double()


def outside(x, basis):
    """|X - Q Q^T X|, Q an orthonormal basis of the columns."""
    q = torch.linalg.qr(basis.double()).Q
    return (x - q @ (q.T @ x)).norm()


@pytest.mark.parametrize("tuner", exact("any"))
def test_any_is_of_rank_r(tuner, trained):
    rank = 2 * RANK if TUNERS[tuner].keeps_start else RANK
    for path, w0, w1 in pairs(trained(tuner)):
        assert torch.linalg.svdvals(w1 - w0)[rank] < ROUNDING * w0.norm(), path


@pytest.mark.parametrize("tuner", exact("full"))
def test_full_is_of_a_higher_rank(tuner, trained):
    ranks = [(torch.linalg.svdvals(w1 - w0) > ROUNDING * w0.norm()).sum() for _, w0, w1 in pairs(trained(tuner))]
    assert max(ranks) > RANK


@pytest.mark.parametrize("tuner", [t for t, row in TUNERS.items() if row.isospectral])
def test_isospectral_keeps_singular_values(tuner, trained):
    for path, w0, w1 in pairs(trained(tuner)):
        s0, s1 = torch.linalg.svdvals(w0), torch.linalg.svdvals(w1)
        assert (s1 - s0).norm() < ROUNDING * s0.norm(), path


def test_what_is_not_isospectral_moves_them(trained):
    moved = [(torch.linalg.svdvals(w1) - torch.linalg.svdvals(w0)).norm() / w0.norm() for _, w0, w1 in pairs(trained("lora"))]
    assert max(moved) > 100 * ROUNDING


@pytest.mark.parametrize("tuner", exact("right"))
def test_right_keeps_the_left_gram_matrix(tuner, trained):
    for path, w0, w1 in pairs(trained(tuner)):
        assert (w1 @ w1.T - w0 @ w0.T).norm() < 2 * ROUNDING * w0.norm() ** 2, path


@pytest.mark.parametrize("tuner", exact("left"))
def test_left_keeps_the_row_space_of_every_group(tuner, trained):
    group = dict(TUNERS[tuner].arguments)["group_size"]
    for path, w0, w1 in pairs(trained(tuner)):
        for rows0, rows1 in zip(w0.split(group), w1.split(group), strict=True):
            assert outside(rows1.T, rows0.T) < ROUNDING * w0.norm(), path


@pytest.mark.parametrize("tuner", exact("scaling"))
def test_scaling_scales_rows_or_columns(tuner, trained):
    for path, w0, w1 in pairs(trained(tuner)):
        ratio = w1 / w0
        along = 0 if path.endswith("down_proj") else 1
        assert (ratio - ratio.median(along, keepdim=True).values).abs().median() < 1e-5, path


@pytest.mark.parametrize("tuner", exact("core"))
def test_core_stays_in_the_leading_block(tuner, trained):
    for path, w0, w1 in pairs(trained(tuner)):
        u, _, vh = torch.linalg.svd(w0)
        assert outside(w1 - w0, u[:, :RANK]) < ROUNDING * w0.norm(), path
        assert outside((w1 - w0).T, vh[:RANK].T) < ROUNDING * w0.norm(), path


@pytest.mark.parametrize("tuner", exact("minor"))
def test_minor_stays_in_the_trailing_left_directions(tuner, trained):
    for path, w0, w1 in pairs(trained(tuner)):
        u = torch.linalg.svd(w0, full_matrices=False).U
        assert outside(w1 - w0, u[:, -RANK:]) < 10 * ROUNDING * w0.norm(), path


@pytest.mark.parametrize("tuner", exact("subspace"))
def test_subspace_is_that_of_what_is_fixed(tuner, trained):
    found = trained(tuner)
    for path, w0, w1 in pairs(found):
        fixed = {n.removeprefix(path + "."): t for n, t in found.adapted.fixed().items() if n.startswith(path)}
        if tuner == "lora_frozen_a":
            left_over = outside((w1 - w0).T, fixed["lora_A.default.weight"].T)
        elif tuner == "lora_frozen_b":
            left_over = outside(w1 - w0, fixed["lora_B.default.weight"])
        else:  # VeRA and PVeRA: the rows of one A that all layers share
            shared = next(t for n, t in found.adapted.fixed().items() if "vera_A" in n)
            left_over = outside((w1 - w0).T, shared[:, : w0.shape[1]].T)
        assert left_over < ROUNDING * w0.norm(), path


@pytest.mark.parametrize("tuner", exact("sparse"))
def test_sparse_moves_as_many_entries_as_it_trains(tuner, trained):
    found = trained(tuner)
    trained_in = {path: p.numel() for path, _ in found.adapted.layers() for n, p in found.adapted.trainable().items() if path in n}
    for path, w0, w1 in pairs(found):
        moved = (w1 != w0).sum()
        assert 0.9 * trained_in[path] <= moved <= trained_in[path]


def test_every_exact_reach_is_tested():
    tested = {"any", "full", "right", "left", "scaling", "core", "minor", "subspace", "sparse"}
    assert tested == {row.reach for row in TUNERS.values() if row.config and row.trains and row.exact and row.merges}
