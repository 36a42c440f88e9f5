"""ISO-Merger against its equations written out, its two variants, and what it loses."""

import numpy as np
import torch
from harness.merging import iso_merged, merge
from pytest import approx, mark


def written_out(w0, experts, keep=0.9):
    """The equations of 2607.19331, with every matrix formed and every polar by an SVD."""

    def pi(x, y):
        return y - x @ (x.T @ y + y.T @ x) / 2

    def polar(x):
        p, _, qh = torch.linalg.svd(x, full_matrices=False)
        return p @ qh

    u0, s0, v0h = torch.linalg.svd(w0, full_matrices=False)
    v0, cut = v0h.T, max(1, round(keep * len(s0)))
    xi = []
    for expert in experts:
        u, _, vh = torch.linalg.svd(expert, full_matrices=False)
        sign = torch.where((u0 * u).sum(0) >= 0, 1.0, -1.0).double()
        pair = [pi(u0, u * sign - u0), pi(v0, vh.T * sign - v0)]
        for each in pair:
            each[:, cut:] = 0.0
        xi.append(pair)
    g = [(a * s0) @ v0.T + (u0 * s0) @ b.T for a, b in xi]
    gamma = np.array([[(x * y).sum().item() for y in g] for x in g])
    try:
        c = np.linalg.solve(gamma + 1e-12 * np.eye(len(g)), np.diag(gamma))
    except np.linalg.LinAlgError:
        c = np.ones(len(g))
    c = np.clip(c, 0.0, 1.5)
    u, v = (polar(x + pi(x, sum(w * pair[side] for w, pair in zip(c, xi, strict=True)))) for side, x in ((0, u0), (1, v0)))
    return (u * s0) @ v.T, c, gamma


@mark.parametrize("shape", [(40, 24), (24, 40), (32, 32), (7, 1), (1, 5)], ids=str)
@mark.parametrize("relative", [1e-4, 1e-2, 0.3], ids="rel={:g}".format)
def test_it_is_the_equations(shape, relative, normal):
    w0 = normal(*shape)
    experts = [w0 + relative * normal(*shape) for _ in range(3)]
    weight, c, gamma = written_out(w0, experts)
    found = iso_merged(w0, experts)
    assert torch.allclose(found.weight, weight, atol=1e-11)
    assert found.coefficients.tolist() == approx(c.tolist(), abs=1e-8)
    assert torch.allclose(found.gram, torch.from_numpy(gamma), rtol=1e-9, atol=1e-18)


@mark.parametrize("method", ["iso", "iso-scaled", "iso-subspace"])
@mark.parametrize("relative", [1e-3, 0.1, 1.0], ids="rel={:g}".format)
def test_the_spectrum_stays(method, relative, model):
    base, experts = model(3, relative)
    merged = merge(method, base, experts)
    for name in ("tall", "wide", "square"):
        assert (torch.linalg.svdvals(merged[name]) - torch.linalg.svdvals(base[name])).abs().max() < 1e-10
    assert torch.allclose(merged["bias"], sum(e["bias"] for e in experts) / 3) and torch.equal(merged["stack"], base["stack"])


def test_each_expert_is_retained_at_unit_strength(normal):
    """(Gamma c)_i = Gamma_ii unless c is cut."""
    w0 = normal(30, 20)
    found = iso_merged(w0, [w0 + 0.01 * normal(30, 20) for _ in range(3)])
    assert (found.gram @ found.coefficients / found.gram.diagonal()).tolist() == approx([1.0] * 3)


def test_an_expert_without_displacement_gets_nothing(normal):
    w0 = normal(20, 12)
    expert = w0 + 0.01 * normal(20, 12)
    for variant in ({}, {"relative": True}):
        assert iso_merged(w0, [expert, w0], **variant).coefficients.tolist() == approx([1.0, 0.0])
    assert torch.allclose(iso_merged(w0, [w0, w0]).weight, w0, atol=1e-12)


@mark.parametrize("scale", [1e-2, 1.0, 1e2, 1e3], ids="c={:g}".format)
def test_equal_experts_count_twice_where_the_official_ridge_vanishes(scale, normal):
    w0 = scale * normal(40, 40)
    expert = w0 + 0.02 * scale * normal(40, 40)
    official, ours = (iso_merged(w0, [expert, expert], relative=each).coefficients.tolist() for each in (False, True))
    assert official == approx([1.0, 1.0] if scale == 1e3 else [0.5, 0.5], abs=1e-3)
    assert ours == approx([0.5, 0.5], abs=1e-6)


def test_variants_agree_with_the_official_rule_on_plain_input(normal):
    """Distinct experts and gaps wider than the update: no ridge, no block to speak of."""
    w0 = torch.linalg.qr(normal(20, 12)).Q * torch.arange(12, 0, -1) @ torch.linalg.qr(normal(12, 12)).Q
    experts = [w0 + 1e-3 * normal(20, 12) for _ in range(2)]
    official = iso_merged(w0, experts)
    for variant in ({"relative": True}, {"relative": True, "subspaces": True}):
        assert torch.allclose(iso_merged(w0, experts, **variant).weight, official.weight, atol=1e-10)


def test_where_modes_mix_subspaces_return_more_of_one_expert(normal):
    """One expert at relative size .2, gaps far below it: signs leave .6 and more of the update out, blocks under .5."""
    w0, d = normal(64, 64), normal(64, 64)
    d *= 0.2 * w0.norm() / d.norm()
    lost = [(iso_merged(w0, [w0 + d], subspaces=each).weight - w0 - d).norm() / d.norm() for each in (False, True)]
    assert lost[0] > 0.6 and lost[1] < 0.5


def test_equal_singular_values_leave_only_the_subspace_rule_a_function_of_the_weights(normal):
    """Turning base and experts by orthogonal matrices turns the result; the official one depends on LAPACK's vectors."""
    values = torch.tensor([5.0, 5.0, 5.0, 3.0, 3.0, 1.0, 0.5, 0.5]).double()
    w0 = torch.linalg.qr(normal(12, 8)).Q * values @ torch.linalg.qr(normal(8, 8)).Q
    experts = [w0 + 0.01 * normal(12, 8) for _ in range(2)]
    left, right = torch.linalg.qr(normal(12, 12)).Q, torch.linalg.qr(normal(8, 8)).Q
    off = {}
    for subspaces in (False, True):
        variant = {"relative": True, "subspaces": subspaces}
        turned = iso_merged(left @ w0 @ right, [left @ e @ right for e in experts], **variant).weight
        off[subspaces] = (turned - left @ iso_merged(w0, experts, **variant).weight @ right).abs().max().item()
    assert off[True] < 1e-9 and off[False] > 1e-3


def test_the_mask_freezes_the_last_modes(normal):
    """keep = .5: the weight's action on the frozen right vectors moves only by what orthogonality asks for."""
    w0 = torch.linalg.qr(normal(20, 10)).Q * torch.arange(10, 0, -1) @ torch.linalg.qr(normal(10, 10)).Q
    expert = w0 + 1e-4 * normal(20, 10)
    kept = [(iso_merged(w0, [expert], keep=each).weight - expert).norm().item() for each in (1.0, 0.9, 0.5)]
    assert kept[0] < kept[1] < kept[2]
