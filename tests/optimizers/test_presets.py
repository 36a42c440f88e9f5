"""Every preset against its paper's equations, written out plainly in fp64, over steps on both sides of a refresh."""

from math import sqrt

import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import PRESETS, SubspaceOptimizer, preset
from harness.optimizers.projectors import Draw, random_basis
from harness.optimizers.quantized import dequantize, quantize

STEPS, T, RANK, LR = 8, 3, 4, 0.01
SHAPES = [(12, 9), (9, 12), (10, 10)]


def svd(g, p):
    """The leading left singular vectors, signs as those of the columns before; at first the largest entry is positive."""
    return signed(torch.linalg.svd(g)[0][:, :RANK], p)


def signed(u, p):
    return u * torch.sign((u * p).sum(0) if p is not None else u[u.abs().argmax(0), torch.arange(u.shape[1])])


def gaussian(g, t, rank=RANK):
    return random_basis("gaussian", g, rank, Draw(0, 0, (t - 1) // T + 1))


def stiefel(g, t):
    return random_basis("stiefel", g, RANK, Draw(0, 0, (t - 1) // T + 1))


class Adam:
    """M and V of R; `step` returns N and the factor that corrects its bias, as Hugging Face's AdamW has it."""

    def __init__(self, r, n, b1=0.9, b2=0.999, eps=1e-6):
        self.m, self.v, self.b1, self.b2, self.eps = torch.zeros(r, n).double(), torch.zeros(r, n).double(), b1, b2, eps

    def step(self, r, t):
        self.m = self.b1 * self.m + (1 - self.b1) * r
        self.v = self.b2 * self.v + (1 - self.b2) * r**2
        return self.m / (self.v.sqrt() + self.eps), sqrt(1 - self.b2**t) / (1 - self.b1**t)


def galore(w, gradients, basis_at, scale=0.25):
    adam, p = Adam(RANK, w.shape[1]), None
    for t, g in enumerate(gradients, 1):
        if (t - 1) % T == 0:
            p = basis_at(g, t, p)
        n, factor = adam.step(p.T @ g, t)
        w = w - LR * factor * scale * p @ n
        yield w


def reference_galore(w, gradients):
    return galore(w, gradients, lambda g, t, p: svd(g, p))


def reference_golore(w, gradients):
    return galore(w, gradients, lambda g, t, p: svd(g, p) if t <= 4 else stiefel(g, t))


def reference_sara(w, gradients):
    def sampled(g, t, p):
        u, s, _ = torch.linalg.svd(g)
        index = (s / s.sum()).multinomial(RANK, generator=Draw(0, 0, (t - 1) // T + 1).generator()).sort().values
        return signed(u[:, index], p)

    return galore(w, gradients, sampled)


def reference_q_galore(w, gradients):
    return galore(w, gradients, lambda g, t, p: dequantize(quantize(svd(g, p), 4), (len(g), RANK), 4))


def apollo(w, gradients, rank, scale, tensor):
    adam, before = Adam(rank, w.shape[1]), None
    for t, g in enumerate(gradients, 1):
        r = gaussian(g, t, rank).T @ g
        n, factor = adam.step(r, t)
        if tensor:
            u = g * n.norm() / (r.norm() + 1e-8)
        else:
            u = torch.stack([g[:, j] * n[:, j].norm() / (r[:, j].norm() + 1e-8) for j in range(g.shape[1])], dim=1)
        if before is not None and u.norm() > 1.01 * before:
            u = u * 1.01 * before / u.norm()
        before = u.norm()
        w = w - LR * factor * sqrt(scale) * u
        yield w


def reference_apollo(w, gradients):
    return apollo(w, gradients, RANK, 1.0, tensor=False)


def reference_apollo_mini(w, gradients):
    return apollo(w, gradients, 1, 128.0, tensor=True)


def reference_fira(w, gradients, alpha=0.25):
    adam, p, before = Adam(RANK, w.shape[1]), None, None
    for t, g in enumerate(gradients, 1):
        if (t - 1) % T == 0:
            p = svd(g, p)
        r = p.T @ g
        n, factor = adam.step(r, t)
        residual = (g - alpha * p @ r) * (n.norm(dim=0) / (r.norm(dim=0) + 1e-8))
        if before is not None and residual.norm() > 1.01 * before:
            residual = residual * 1.01 * before / residual.norm()
        before = residual.norm()
        w = w - LR * factor * (alpha * p @ n + residual)
        yield w


def reference_flora(w, gradients, beta=0.9):
    m, row, column = torch.zeros(RANK, w.shape[1]).double(), 0, 0
    for t, g in enumerate(gradients, 1):
        if (t - 1) % T == 0:
            if t > 1:
                m = gaussian(g, t).T @ gaussian(g, t - 1) @ m
        keep = 1 - t**-0.8
        row = keep * row + (1 - keep) * (g**2 + 1e-30).mean(1)
        column = keep * column + (1 - keep) * (g**2 + 1e-30).mean(0)
        u = g / torch.outer(row, column).div(row.mean()).sqrt()
        m = beta * m + (1 - beta) * gaussian(g, t).T @ u
        update = gaussian(g, t) @ m
        w = w - LR * update / max(1.0, update.pow(2).mean().sqrt())
        yield w


def reference_ldadam(w, gradients, b1=0.908, b2=0.99, rho=0.908, eps=1e-8):
    m, v, e = torch.zeros(RANK, w.shape[1]).double(), torch.zeros(RANK, w.shape[1]).double(), torch.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        a, done = g + e, t - 1
        if t == 1:
            p = torch.linalg.svd(a)[0][:, :RANK]
            e = a - p @ p.T @ a
        else:
            old, old_m = p, m
            b = rho * old @ m / (1 - b1**done) + (1 - rho) * a
            p = torch.linalg.qr(b @ b.T @ old).Q
            c = p.T @ old
            m = c @ old_m
            spread = v / (1 - b2**done) - (old_m / (1 - b1**done)) ** 2
            v = (1 - b2**done) * (c**2 @ spread + (m / (1 - b1**done)) ** 2).abs()
            e = a - p @ p.T @ a + b1 / (1 - b1) * (old @ old_m - p @ m)
        r = p.T @ a
        m, v = b1 * m + (1 - b1) * r, b2 * v + (1 - b2) * r**2
        w = w - LR * p @ (m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + eps))
        yield w


def reference_coso(w, gradients):
    return galore(w, gradients, lambda g, t, p: svd(g, p), scale=1.0)  # in the first task nothing is protected


def reference_relora(w, gradients, b1=0.9, b2=0.999, eps=1e-8):
    m, v = torch.zeros(RANK, w.shape[1]).double(), torch.zeros(RANK, w.shape[1]).double()
    for t, g in enumerate(gradients, 1):
        if t > 1 and (t - 1) % T == 0:  # 90 % of each moment, the smallest, are pruned
            m, v = (torch.where(x.abs() > x.abs().flatten().sort().values[int(0.9 * x.numel()) - 1], x, 0.0) for x in (m, v))
        r = stiefel(g, t).T @ g
        m, v = b1 * m + (1 - b1) * r, b2 * v + (1 - b2) * r**2
        warm = 1.0 if t <= T else min(1.0, ((t - 1) % T + 1) / 2)
        w = w - LR * warm * stiefel(g, t) @ (m / (1 - b1**t) / ((v / (1 - b2**t)).sqrt() + eps))
        yield w


CASES = {
    "galore": (reference_galore, {}),
    "golore": (reference_golore, dict(late_from=4)),
    "sara": (reference_sara, {}),
    "apollo": (reference_apollo, {}),
    "apollo-mini": (reference_apollo_mini, dict(rank=1)),
    "fira": (reference_fira, {}),
    "flora": (reference_flora, {}),
    "ldadam": (reference_ldadam, dict(refresh=1)),
    "q-galore": (reference_q_galore, {}),
    "coso": (reference_coso, dict(sketch=6, side="smaller")),
    "relora": (reference_relora, dict(restart_warmup=2)),
}


def test_every_preset_has_a_reference():
    assert set(CASES) == set(PRESETS)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"shape={s[0]}x{s[1]}")
@pytest.mark.parametrize("name", CASES, ids="preset={}".format)
def test_a_preset_is_the_papers_equations(name, shape, stream, drive):
    reference, changes = CASES[name]
    gradients = stream(shape, STEPS)
    start = torch.randn(shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    parameter = torch.nn.Parameter(start.clone())
    group = preset(name, **(dict(rank=RANK, refresh=T) | changes))
    seen = drive(SubspaceOptimizer([{"params": [parameter], **group, "lr": LR}]), parameter, gradients)
    flip = shape[0] >= shape[1]
    turned = [g.T.contiguous() if flip else g for g in gradients]
    wanted = list(reference(start.T.contiguous() if flip else start, turned))
    before = start
    for ours, theirs in zip(seen, wanted, strict=True):
        theirs = theirs.T if flip else theirs
        torch.testing.assert_close(ours - before, theirs - before, rtol=1e-8, atol=1e-11)
        before = ours


def test_a_wrong_equation_is_noticed(stream, drive):
    """Control: GaLore's reference at another alpha, and keeping moments where LDAdam rotates them, do not pass."""
    gradients, start = stream((9, 12), STEPS), torch.zeros(9, 12, dtype=torch.float64)
    outcomes = []
    for changes in ({}, {"moments": "rotate"}):
        parameter = torch.nn.Parameter(start.clone())
        group = preset("galore", rank=RANK, refresh=T, **changes)
        outcomes.append(drive(SubspaceOptimizer([{"params": [parameter], **group, "lr": LR}]), parameter, gradients)[-1])
    wanted = list(reference_galore(start, gradients))[-1]
    assert (outcomes[0] - wanted).norm() < 1e-9 * wanted.norm()
    assert (outcomes[1] - wanted).norm() > 1e-2 * wanted.norm()
    assert (list(galore(start, gradients, lambda g, t, p: svd(g, p), 0.5))[-1] - wanted).norm() > 0.5 * wanted.norm()


def test_constants_are_those_of_the_sheet():
    galore, apollo, mini, fira, ldadam = (preset(n) for n in ("galore", "apollo", "apollo-mini", "fira", "ldadam"))
    assert (galore["lr"], galore["eps"], galore["subspace"].scale, galore["subspace"].refresh) == (0.01, 1e-6, 0.25, 200)
    assert (apollo["subspace"].update, apollo["subspace"].scale, apollo["subspace"].limiter) == ("channel", 1.0, 1.01)
    assert (mini["subspace"].rank, mini["subspace"].update, mini["subspace"].scale) == (1, "tensor", 128.0)
    assert (fira["subspace"].rank, fira["subspace"].limiter, fira["subspace"].scale) == (128, 1.01, 0.25)
    assert (ldadam["betas"], ldadam["subspace"].mix, ldadam["subspace"].refresh) == ((0.908, 0.99), 0.908, 1)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [("galor", {}, "no preset 'galor': use one of galore"), ("galore", {"lr": 1.0}, "no setting lr: lr, betas and eps")],
    ids=["name", "field"],
)
def test_a_wrong_preset_says_what_there_is(name, changes, says):
    with pytest.raises(SpecError, match=says):
        preset(name, **changes)
