"""TSV-M, Iso-C and Iso-CTS against the papers' steps written out with full SVDs."""

import torch
from harness.merging.singular_tasks import iso_c, iso_cts, tsv_m
from pytest import approx, mark

SHAPES = mark.parametrize("shape", [(20, 13), (11, 30), (16, 16), (4, 2), (5, 1)], ids=str)


def svd(x):
    return torch.linalg.svd(x, full_matrices=False)


def polar(x):
    u, _, vh = svd(x)
    return u @ vh


def setting(normal, shape, count=3):
    w0 = normal(*shape)
    return w0, [w0 + 0.1 * normal(*shape) for _ in range(count)]


@SHAPES
def test_tsv_m_step_by_step(shape, normal):
    w0, experts = setting(normal, shape)
    k = min(shape) // 3
    parts = [svd(e - w0) for e in experts]
    u, s, v = (torch.cat(each, dim=-1) for each in zip(*((u[:, :k], s[:k], vh[:k].T) for u, s, vh in parts), strict=True))
    assert torch.allclose(tsv_m(w0, experts, lam=0.8), w0 + 0.8 * polar(u) @ torch.diag(s) @ polar(v).T, atol=1e-12)


@SHAPES
def test_iso_c_has_a_flat_spectrum(shape, normal):
    w0, experts = setting(normal, shape)
    total = sum(e - w0 for e in experts)
    u, s, vh = svd(total)
    delta = iso_c(w0, experts, lam=0.5) - w0
    assert torch.allclose(delta, 0.5 * s.mean() * u @ vh, atol=1e-12)
    assert torch.linalg.svdvals(delta).tolist() == approx([0.5 * s.mean().item()] * min(shape))


@SHAPES
@mark.parametrize("common", [0.0, 0.5, 0.8, 1.0])
def test_iso_cts_step_by_step(shape, common, normal):
    w0, experts = setting(normal, shape)
    q = min(shape)
    own = min(round((q - int(common * q)) / 3), q // 3)
    u0, s0, v0 = svd(sum(e - w0 for e in experts))
    c = q - 3 * own
    us, ss, vs = [u0[:, :c]], [s0[:c]], [v0[:c].T]
    for expert in experts:
        tau = expert - w0
        u, s, vh = svd(tau - us[0] @ us[0].T @ tau)
        us, ss, vs = [*us, u[:, :own]], [*ss, s[:own]], [*vs, vh[:own].T]
    flat = torch.cat(ss).mean()
    wanted = w0 + flat * polar(torch.cat(us, 1)) @ polar(torch.cat(vs, 1)).T
    assert torch.allclose(iso_cts(w0, experts, common=common), wanted, atol=1e-10)


def test_iso_cts_of_one_task_is_iso_c(normal):
    w0, experts = setting(normal, (20, 13), 1)
    assert torch.allclose(iso_cts(w0, experts), iso_c(w0, experts), atol=1e-12)


def test_orthogonal_tasks_are_added_by_tsv_m(normal):
    """Tasks of rank 2 in orthogonal spaces on both sides: the sum, whole."""
    q = torch.linalg.qr(normal(12, 12)).Q
    w0, taus = normal(12, 12), [q[:, :2] @ normal(2, 2) @ q[:, :2].T, q[:, 2:4] @ normal(2, 2) @ q[:, 2:4].T]
    assert torch.allclose(tsv_m(w0, [w0 + t for t in taus]), w0 + sum(taus), atol=1e-12)


def test_low_rank_sums_are_not_filled_up(normal):
    """Rank 2 of 10: what is flat is the sum's own two directions, at the mean over all ten."""
    w0, tau = normal(15, 10), normal(15, 2) @ normal(2, 10)
    values = torch.linalg.svdvals(iso_c(w0, [w0 + tau]) - w0)
    assert values[:2].tolist() == approx([torch.linalg.svdvals(tau).sum().item() / 10] * 2) and values[2:].max() < 1e-12
    for rule in (tsv_m, iso_cts):
        assert torch.linalg.matrix_rank(rule(w0, [w0 + tau, w0 + tau, w0 + tau]) - w0, atol=1e-9) == 2


def test_a_task_without_update_takes_no_direction(normal):
    w0, [expert] = setting(normal, (18, 12), 1)
    u, s, vh = svd(expert - w0)
    assert torch.allclose(tsv_m(w0, [expert, w0]), w0 + (u[:, :6] * s[:6]) @ vh[:6], atol=1e-12)
