import json

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import ModelError
from harness.models.checkpoint import Checkpoint
from harness.models.weights import matrices


class NotWeights:
    """Something a pickle may hold and a model must not."""


def as_pickle(folder, content):
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")


def test_reads_single_tensors_as_stored(tiny_folder):
    name = "model.layers.0.self_attn.q_proj.weight"
    checkpoint = Checkpoint(tiny_folder)
    ((found, tensor),) = checkpoint.read([name])
    assert found == name
    assert tuple(tensor.shape) == checkpoint.shapes[name].shape == (64, 64)


def test_weights_only_pickle_is_read(tiny_folder):
    expected = matrices(tiny_folder)
    state = dict(Checkpoint(tiny_folder).read(list(Checkpoint(tiny_folder).shapes)))
    as_pickle(tiny_folder, state)
    found = matrices(tiny_folder)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_shards_are_read_through_their_index(tiny_folder):
    expected = matrices(tiny_folder)
    state = dict(Checkpoint(tiny_folder).read(list(Checkpoint(tiny_folder).shapes)))
    (tiny_folder / "model.safetensors").unlink()
    shard_of = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(state)}
    for shard in set(shard_of.values()):
        save_file({name: state[name] for name in state if shard_of[name] == shard}, tiny_folder / shard)
    (tiny_folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shard_of}))
    found = matrices(tiny_folder)
    assert list(found) == list(expected)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_missing_shard_is_named(tiny_folder):
    index = {"weight_map": {"a": "part-0.safetensors"}}
    (tiny_folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"lacks part-0\.safetensors"):
        Checkpoint(tiny_folder)


def test_damaged_index_is_refused(tiny_folder):
    (tiny_folder / "model.safetensors.index.json").write_text("{")
    with pytest.raises(ModelError, match=r"index\.json is damaged"):
        Checkpoint(tiny_folder)


def test_pickle_with_more_than_weights_is_refused(tiny_folder):
    as_pickle(tiny_folder, {"a": torch.ones(2), "b": NotWeights()})
    with pytest.raises(ModelError, match="it holds more than weights"):
        Checkpoint(tiny_folder)


def test_pickle_of_a_training_state_is_refused(tiny_folder):
    as_pickle(tiny_folder, {"model": {"a": torch.ones(2)}, "step": 3})
    with pytest.raises(ModelError, match="not a plain mapping from names to tensors"):
        Checkpoint(tiny_folder)


@pytest.mark.parametrize("kept", [0, 4, 1000], ids="bytes={}".format)
def test_truncated_pickle_is_refused(tiny_folder, kept):
    as_pickle(tiny_folder, {"a": torch.ones(1000)})
    file = tiny_folder / "pytorch_model.bin"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"pytorch_model\.bin (cannot be read|is refused)"):
        Checkpoint(tiny_folder)


@pytest.mark.parametrize("kept", [0, 4, 1000, 100_000], ids="bytes={}".format)
def test_truncated_safetensors_is_refused(tiny_folder, kept):
    file = tiny_folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        Checkpoint(tiny_folder)


def test_folder_without_config_is_refused(tiny_folder):
    (tiny_folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        Checkpoint(tiny_folder)


def test_folder_without_weights_is_refused(tiny_folder):
    (tiny_folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        Checkpoint(tiny_folder)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is not a folder"):
        Checkpoint(tmp_path / "nothing")
