import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from harness.errors import MeasureError
from harness.spectra.divergence import fisher_quadratic, kl_to_base


class Bigram(nn.Module):
    """Logits of the next token are a row of a table: divergences and Fisher matrices in closed form."""

    def __init__(self, table: torch.Tensor):
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, ids, use_cache=False):
        return SimpleNamespace(logits=self.table[ids])


@pytest.fixture
def table(generator):
    return torch.randn(7, 7, generator=generator).double()


@pytest.fixture
def ids(generator):
    return torch.randint(0, 7, (5, 9), generator=generator)


@pytest.fixture
def tiny_model():
    from harness.models import tiny

    return tiny.build(seed=2).model


def test_kl_is_the_sum_over_the_vocabulary(table, ids, generator):
    """Truth: torch.distributions at the positions that predict a completion token under the mask."""
    other = table + torch.randn(7, 7, generator=generator).double()
    mask = (torch.rand(5, 6, generator=generator) < 0.7).double()
    pi, base = (torch.distributions.Categorical(logits=t[ids[:, 2:-1]] / 0.5) for t in (other, table))
    wanted = torch.distributions.kl_divergence(pi, base) * mask
    found = kl_to_base(Bigram(other), Bigram(table), ids, prompt_length=3, mask=mask, temperature=0.5)
    assert found.per_token == pytest.approx((wanted.sum() / mask.sum()).item(), rel=1e-12)
    assert found.per_sequence == pytest.approx(wanted.sum(1).mean().item(), rel=1e-12)
    assert found.tokens == pytest.approx(mask.sum().item() / 5)


def test_a_model_does_not_diverge_from_itself(table, ids):
    assert kl_to_base(Bigram(table), Bigram(table), ids) == (0.0, 0.0, 8.0)


def test_fisher_quadratic_is_the_variance_of_the_score(table, ids, generator):
    """Truth: F of a row is diag(p) - p p^T, summed over the positions that read the row."""
    d = torch.randn(7, 7, generator=generator).double()
    total = 0.0
    for token in ids[:, :-1].flatten().tolist():
        p = table[token].softmax(-1)
        total += (d[token] @ (torch.diag(p) - torch.outer(p, p)) @ d[token]).item()
    assert fisher_quadratic(Bigram(table), {"table": d}, ids) == pytest.approx(total / 40, rel=1e-12)


def test_a_shift_of_all_logits_costs_nothing(table, ids):
    assert fisher_quadratic(Bigram(table), {"table": torch.ones(7, 7)}, ids) == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("size", [1e-2, 1e-3], ids="size={:g}".format)
def test_kl_is_half_the_fisher_quadratic_for_small_updates(size, tiny_model, generator):
    """Limit: the error is of third order, |D| relative; a transformer with attention, fp64."""
    base = tiny_model.double()
    direction = {n: torch.randn(p.shape, generator=generator).double() for n, p in base.named_parameters() if p.ndim == 2}
    scale = size / max(d.norm() for d in direction.values())
    direction = {n: d * scale for n, d in direction.items()}
    model = copy.deepcopy(base)
    with torch.no_grad():
        for n, p in model.named_parameters():
            p += direction.get(n, 0.0)
    ids = torch.randint(3, 15, (6, 10), generator=generator)
    kl = kl_to_base(model, base, ids, prompt_length=4).per_token
    assert kl == pytest.approx(fisher_quadratic(base, direction, ids, prompt_length=4) / 2, rel=30 * size)


def test_nothing_to_read_is_refused(table, ids):
    model = Bigram(table)
    with pytest.raises(MeasureError, match="9 tokens with a prompt of 9 leave nothing to read"):
        kl_to_base(model, model, ids, prompt_length=9)
    with pytest.raises(MeasureError, match="counts none of them"):
        kl_to_base(model, model, ids, prompt_length=5, mask=torch.zeros(5, 4))
    with pytest.raises(MeasureError, match=r"the direction's w is no parameter of shape \(2,\)"):
        fisher_quadratic(model, {"w": torch.ones(2)}, ids)
