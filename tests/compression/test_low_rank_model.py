import copy

import pytest
import torch
from torch import nn

from harness.compression import (
    Allocation,
    LowRankLinear,
    compress_model,
    split,
    threshold_allocation,
    train_low_rank_only,
    truncated,
    value_spectra,
)
from harness.errors import MeasureError


class Block(nn.Module):
    def __init__(self, planted):
        super().__init__()
        self.embed = nn.Embedding(7, 24).double()
        self.low = nn.Linear(24, 32).double()
        self.norm = nn.RMSNorm(32).double()
        self.dense = nn.Linear(32, 24, bias=False).double()
        self.head = nn.Linear(24, 7, bias=False).double()
        with torch.no_grad():
            self.low.weight.copy_(planted(32, 24, 4))

    def forward(self, ids):
        return self.head(self.dense(torch.tanh(self.norm(self.low(self.embed(ids))))))


@pytest.fixture
def model(planted):
    torch.manual_seed(0)
    return Block(planted)


def allocated(model, threshold=0.175):
    names = ("low", "dense")
    return threshold_allocation(value_spectra({name: getattr(model, name).weight for name in names}), threshold)


def test_the_planted_layer_alone_becomes_factors_and_trains(model):
    """Plant: rank 4 of 24 is low-rank, the default initialisation is not."""
    found = compress_model(model, allocated(model))
    assert (found.lrc, found.n_lrc) == (("low",), ("dense",))
    assert isinstance(model.low, LowRankLinear) and isinstance(model.dense, nn.Linear)
    assert found.names == ("low.up", "low.down")
    assert found.entries == 4 * (24 + 32)
    assert found.entries + found.frozen == sum(p.numel() for p in model.parameters())
    assert [name for name, p in model.named_parameters() if p.requires_grad] == list(found.names)
    assert repr(model.low) == "LowRankLinear(24, 32, rank=4)"


def test_the_compressed_model_is_the_truncated_one(model):
    """Truth: the same outputs as dense weights W_r = W + the truncation's update, and W_r is the factors' product."""
    ids = torch.arange(7)
    allocation = allocated(model)
    dense = copy.deepcopy(model)
    change = truncated({name: getattr(model, name).weight.detach() for name in allocation.kept}, split(allocation).applied)
    with torch.no_grad():
        dense.low.weight += change.update["low"]
    compress_model(model, allocation)
    # the Change rounds its base to fp32
    torch.testing.assert_close(model(ids), dense(ids), rtol=0, atol=1e-6)
    torch.testing.assert_close(model.low.weight(), dense.low.weight.detach(), rtol=0, atol=1e-6)


def test_all_ranks_give_the_layer_back(generator):
    """Limit: r = q reproduces the layer, with its bias, in its dtype, on any batch shape."""
    layer = nn.Linear(10, 6)
    x = torch.randn(3, 5, 10, generator=generator)
    torch.testing.assert_close(LowRankLinear(layer, 6)(x), layer(x), rtol=1e-5, atol=1e-6)
    assert LowRankLinear(layer.bfloat16(), 2).up.dtype == torch.bfloat16


def test_training_moves_the_factors_alone_and_keeps_the_rank(model, generator):
    """Truth: after thirty steps every frozen tensor is bit-identical and the layer still has rank 4."""
    compress_model(model, allocated(model))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    ids, losses = torch.randint(0, 7, (64,), generator=generator), []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(ids), ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    moved = [name for name, p in model.named_parameters() if not torch.equal(p, before[name])]
    assert moved == ["low.up", "low.down"]
    assert torch.linalg.matrix_rank(model.low.weight()) == 4


def test_norms_train_as_in_the_reference_if_asked(model):
    """Trap: the published code leaves the norms' weights to train."""
    found = compress_model(model, allocated(model), norms=True)
    assert found.names == ("low.up", "low.down", "norm.weight")
    assert train_low_rank_only(model).names == ("low.up", "low.down")


def test_parameter_names_are_accepted(model):
    allocation = allocated(model)
    named = Allocation(
        {f"{name}.weight": r for name, r in allocation.kept.items()},
        {f"{name}.weight": s for name, s in allocation.shapes.items()},
    )
    assert compress_model(model, named)[3:] == (("low",), ("dense",))


def test_what_cannot_be_compressed_is_refused_and_left_alone(model):
    allocation = allocated(model)
    with pytest.raises(MeasureError, match="the model has no low-rank layer: compress it first"):
        train_low_rank_only(model)
    with pytest.raises(MeasureError, match="no layer is reduced by more than 0.9"):
        compress_model(model, allocation, min_ratio=0.9)
    other = Allocation(allocation.kept | {"nowhere": 1}, {**allocation.shapes, "nowhere": (4, 4)})
    with pytest.raises(MeasureError, match=r"nowhere is no linear layer of shape \(4, 4\)"):
        compress_model(model, other)
    tied = Allocation({"head": 1}, {"head": (7, 24)})
    model.head.weight = model.embed.weight
    with pytest.raises(MeasureError, match="the weight of head is shared with another layer"):
        compress_model(model, tied)
    assert isinstance(model.low, nn.Linear)
    assert all(p.requires_grad for p in model.parameters())
