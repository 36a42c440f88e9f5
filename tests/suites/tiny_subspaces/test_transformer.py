"""The top space of the bench model's Hessian: over the matrices, on windows of its own."""

from types import SimpleNamespace

import pytest
import torch
from harness.models import tiny
from harness.spectra import hvp
from harness.training import lm
from harness.training.lm import Batch
from harness.training.runs import projections
from suites.tiny_subspaces.transformer import matrices_top


class Run:
    """Stands in for a run of the bench: an untrained model and characters at random."""

    recipe = SimpleNamespace(lm=SimpleNamespace(shuffled=False))

    def __init__(self):
        self.asked = []

    def model(self, step):
        return tiny.build(0).model

    def probe(self, *, draw, windows, shuffled):
        self.asked.append((draw, windows, shuffled))
        ids = torch.randint(20, (windows, 17), generator=torch.Generator().manual_seed(draw))
        return Batch(ids[:, :-1], ids[:, 1:])


def test_they_are_eigenvectors_over_the_matrices_alone():
    """Truth: H v = theta v by an independent product, to the tolerance; the windows are not the gradients'."""
    run = Run()
    top = matrices_top(run, 0, k=1, windows=2)
    assert run.asked == [(1, 2, False)]
    model, batch = run.model(0), run.probe(draw=1, windows=2, shuffled=False)
    matrices = projections(dict(model.named_parameters()))
    assert top.vectors.keys() == matrices.keys() and top.parameters == sum(w.numel() for w in matrices.values())
    v = {name: vectors[0].float() for name, vectors in top.vectors.items()}
    moved = hvp(lambda: lm.cross_entropy(model, batch), matrices, v)
    along = sum((moved[name] * v[name]).sum().item() for name in v)
    assert along == pytest.approx(top.values[0].item(), rel=1e-3)
    off = sum((moved[name] - along * v[name]).square().sum().item() for name in v) ** 0.5
    assert off < 2e-2 * top.values[0].item()
