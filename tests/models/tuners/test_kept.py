"""Tensors that are no parameters and no buffers are found once, and a start is given back and taken."""

import torch
from harness.models.tuners import kept
from torch import nn


def test_loose_tensors_are_found_once_and_are_those_that_count():
    layer, other, shared = nn.Linear(2, 2), nn.Linear(2, 2), torch.arange(3)
    layer.places, layer.rank, layer._cache = {"default": shared}, {"default": 2}, {"default": torch.ones(1)}
    other.places = {"default": shared}
    assert {name: t is shared for name, t in kept.loose([("a", layer), ("b", other)]).items()} == {"a.places.default": True}


def test_a_fourier_tuner_keeps_its_places(trained):
    places = [t for name, t in trained("fourierft").kept.items() if name.endswith(".indices.default")]
    assert len(places) == 14 and all(p.shape == (2, 512) and p.dtype == torch.int64 for p in places)


def test_kept_starts_are_kilobytes_and_only_where_they_must_be(trained):
    for tuner, has in {"lora_ga": True, "corda_kpm": True, "pissa_niter": True, "pissa": False, "olora": False}.items():
        starts = [t for name, t in trained(tuner).kept.items() if kept.START in name]
        assert bool(starts) == has and sum(t.numel() for t in starts) in (0, 17408)  # as many as LoRA trains


def test_change_start_undoes_itself(put_on):
    layer = put_on("lora").layers()[0][1]
    draw = torch.Generator().manual_seed(0)
    one, two = ((torch.randn(8, 64, generator=draw), torch.randn(64, 8, generator=draw)) for _ in range(2))
    w0 = layer.base_layer.weight.detach().clone()
    kept.change_start(layer, None, one)
    torch.testing.assert_close(layer.base_layer.weight, w0 - 2.0 * one[1] @ one[0], atol=1e-4, rtol=0)
    kept.change_start(layer, one, two)
    torch.testing.assert_close(layer.base_layer.weight, w0 - 2.0 * two[1] @ two[0], atol=1e-4, rtol=0)
