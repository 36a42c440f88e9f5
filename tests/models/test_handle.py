"""Models as fixtures: loaded when first used, once per seed."""

from dataclasses import replace

import torch
from pytest import raises
from safetensors.torch import load_file

from harness.errors import ModelError
from harness.models import scales
from harness.models.handle import Handle
from harness.models.weights import matrices


def test_a_handle_loads_once_per_seed():
    handle = Handle(scales.get("tiny"))
    assert handle.load(seed=1) is handle.load(seed=1)
    assert handle.load(seed=1) is not handle.load(seed=2)


def test_a_folder_gives_its_judged_matrices_and_every_tensor_without_a_model(tiny_folder):
    handle = Handle(replace(scales.custom(str(tiny_folder)), judged_layers=("last",)))
    checkpoint, stored = handle.checkpoint(), load_file(tiny_folder / "model.safetensors")
    assert {name: each.shape for name, each in checkpoint.shapes.items()} == {n: tuple(t.shape) for n, t in stored.items()}
    assert all(torch.equal(tensor, stored[name]) for name, tensor in checkpoint.read(list(stored)))
    assert handle.matrices().keys() == matrices(tiny_folder, ("last",)).keys()


def test_a_scale_without_a_folder_has_nothing_to_stream():
    handle = Handle(scales.get("tiny"))
    for read in (handle.matrices, handle.checkpoint):
        with raises(ModelError, match="made by training"):
            read()


def test_a_folder_that_is_not_there_is_said(tmp_path):
    handle = Handle(scales.custom(str(tmp_path / "nowhere")))
    for read in (handle.matrices, handle.checkpoint):
        with raises(ModelError, match="nowhere is not a folder"):
            read()


def test_models_are_fixtures_by_name(tiny):
    assert sum(p.numel() for p in tiny.load().model.parameters()) < 200_000
