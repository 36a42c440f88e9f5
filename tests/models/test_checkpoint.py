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


@pytest.mark.parametrize(
    "content", ['{"weight_map": {"a": "../../etc/a.safetensors"}}', '{"weight_map": {"a": 3}}', '{"weight_map": {}}']
)
def test_an_index_that_names_no_file_beside_it_is_refused(content, tiny_folder):
    (tiny_folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelError, match="its weight_map must name files beside it"):
        Checkpoint(tiny_folder)


@pytest.mark.parametrize("shard", ["model.safetensors", "other.safetensors"])
def test_an_index_that_names_an_absent_tensor_is_refused(shard, tiny_folder):
    save_file({"elsewhere": torch.ones(2)}, tiny_folder / "other.safetensors")
    index = {"weight_map": {"elsewhere": "other.safetensors", "model.norm.weight": "model.safetensors", "absent": shard}}
    (tiny_folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=f"{shard} lacks absent, which its index says it holds"):
        Checkpoint(tiny_folder)


@pytest.mark.parametrize(
    "name", ["model-00002-of-00003.safetensors.tmp", "model.safetensors.incomplete", "pytorch_model.bin.tmp-7"]
)
def test_a_folder_with_a_writers_temporary_file_is_refused(name, tiny_folder):
    (tiny_folder / name).touch()
    with pytest.raises(ModelError, match=f"is still being written, it has {name}: wait, or delete that file"):
        Checkpoint(tiny_folder)


def test_shards_before_their_index_are_refused(tiny_folder):
    (tiny_folder / "model.safetensors").rename(tiny_folder / "model-00001-of-00003.safetensors")
    with pytest.raises(ModelError, match="has 1 of 3 shards and no index, so it is not whole: wait"):
        Checkpoint(tiny_folder)


@pytest.mark.parametrize("name", ["__0_0.distcp", "model_world_size_8_rank_0.pt", "mp_rank_00_model_states.pt"])
def test_a_distributed_trainers_shards_are_refused(name, tiny_folder):
    (tiny_folder / "model.safetensors").unlink()
    (tiny_folder / name).touch()
    with pytest.raises(ModelError, match="holds a distributed trainer's shards: merge them into a folder"):
        Checkpoint(tiny_folder)


def test_a_file_written_anew_is_not_read(tiny_folder):
    checkpoint = Checkpoint(tiny_folder)
    state = dict(checkpoint.read(list(checkpoint.shapes)))
    save_file(state, tiny_folder / "model.safetensors")
    with pytest.raises(ModelError, match="changed while it was read"):
        list(checkpoint.read(["model.norm.weight"]))


def test_a_file_that_is_gone_is_not_read(tiny_folder):
    checkpoint = Checkpoint(tiny_folder)
    (tiny_folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        list(checkpoint.read(["model.norm.weight"]))


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
