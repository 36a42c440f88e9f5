"""fp8 with its scales, against plain arithmetic."""

import json

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import ModelError
from harness.models.pair import Pair

NAME = "model.layers.0.mlp.up_proj.weight"


def folder_of(tensors, folder, **config):
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def weight_of(rows=6, columns=8):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)).to(torch.float8_e4m3fn)


def only(folder):
    ((entry, base, _),) = Pair(folder, folder).read()
    return entry, base


@pytest.mark.parametrize(
    "name, scale",
    [
        ("weight_scale", torch.tensor(0.5)),
        ("weight_scale", torch.tensor([0.5])),
        ("weight_scale", torch.arange(1.0, 7.0)),
        ("weight_scale", torch.arange(1.0, 7.0)[:, None]),
        ("weight_scale", torch.arange(1.0, 9.0)[None]),
    ],
    ids=lambda each: str(tuple(each.shape)) if isinstance(each, torch.Tensor) else each,
)
def test_scales_multiply(name, scale, tmp_path):
    weight = weight_of()
    entry, found = only(folder_of({NAME: weight, f"model.layers.0.mlp.up_proj.{name}": scale}, tmp_path / "m"))
    assert (entry.base_dtype, found.dtype) == ("float8_e4m3fn", torch.float32)
    assert torch.equal(found, weight.float() * (scale[:, None] if scale.shape == (6,) else scale))


@pytest.mark.parametrize("block", [[4, 3], None], ids=["config", "grid"])
def test_scales_of_blocks(block, tmp_path):
    """Blocks of the config may be cut short by the edge; without a config a grid must divide the matrix."""
    weight = weight_of(6, 8) if block else weight_of(6, 6)
    scale = torch.rand(2, 3, generator=torch.Generator().manual_seed(1)) + 0.5
    config = {"quantization_config": {"weight_block_size": block}} if block else {}
    _, found = only(folder_of({NAME: weight, f"{NAME}_scale_inv": scale}, tmp_path / "m", **config))
    high, wide = block or (3, 2)
    for i, j in ((i, j) for i in range(weight.shape[0]) for j in range(weight.shape[1])):
        assert found[i, j] == weight[i, j].float() * scale[i // high, j // wide]


def test_without_scales_the_numbers_are_as_stored(tmp_path):
    weight = weight_of()
    assert torch.equal(only(folder_of({NAME: weight}, tmp_path / "m"))[1], weight.float())


@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 2, 2), (12, 16)], ids=str)
def test_scales_that_do_not_fit_are_refused(shape, tmp_path):
    folder = folder_of({NAME: weight_of(), f"{NAME}_scale_inv": torch.ones(shape)}, tmp_path / "m")
    with pytest.raises(ModelError, match=r"is 6 x 8, which its scales of shape \(.*\) do not fit"):
        only(folder)


def test_experts_and_fused_rows_take_their_own_scales(tmp_path):
    generator = torch.Generator().manual_seed(0)
    stack = torch.randn(2, 12, 4, generator=generator).to(torch.float8_e4m3fn)
    qkv = torch.randn(12, 4, generator=generator).to(torch.float8_e4m3fn)
    scales, rows = torch.tensor([[[0.5]], [[2.0]]]), torch.arange(1.0, 13.0)[:, None]
    tensors = {
        "model.layers.0.mlp.experts.gate_up_proj": stack,
        "model.layers.0.mlp.experts.gate_up_proj_scale_inv": scales,
        "model.layers.0.self_attn.qkv_proj.weight": qkv,
        "model.layers.0.self_attn.qkv_proj.weight_scale": rows,
    }
    folder = folder_of(tensors, tmp_path / "m", model_type="phi3", num_attention_heads=2, hidden_size=4)
    found = {entry.name: base for entry, base, _ in Pair(folder, folder).read()}
    assert torch.equal(found["layers.0.mlp.experts.1.up_proj"], stack[1, 6:].float() * 2.0)
    assert torch.equal(found["layers.0.self_attn.v_proj"], (qkv.float() * rows)[8:])
