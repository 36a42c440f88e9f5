import os

import pytest

from harness.errors import ModelError
from harness.models.fingerprint import content, fingerprint


def test_it_stays_while_the_files_do_and_follows_every_change(checkpoint):
    folder = checkpoint("base")
    first = fingerprint(folder)
    assert fingerprint(folder) == first and len(first) == 16
    os.utime(os.path.join(folder, "model.safetensors"), (1, 1))
    second = fingerprint(folder)
    with open(os.path.join(folder, "config.json"), "a") as file:
        file.write(" ")
    assert len({first, second, fingerprint(folder)}) == 3


def test_a_lone_file_has_one_and_nothing_has_none(checkpoint):
    folder = checkpoint("base")
    assert fingerprint(os.path.join(folder, "model.safetensors")) != fingerprint(folder)
    with pytest.raises(ModelError, match=r"nowhere cannot be read \(No such file or directory\)"):
        fingerprint("nowhere")


def test_the_content_stays_when_files_change_and_changes_with_one_bit(checkpoint):
    """A copy with other times, and the same tensors in two shards, are the same; one entry's last bit is not."""
    import json
    import shutil

    import torch
    from safetensors.torch import load_file, save_file

    folder = checkpoint("base")
    first = content(folder)
    assert len(first) == 64
    copy = shutil.copytree(folder, f"{folder}-copy")
    os.utime(os.path.join(copy, "model.safetensors"), (1, 1))
    assert content(copy) == first and fingerprint(copy) != fingerprint(folder)
    state = load_file(os.path.join(copy, "model.safetensors"))
    os.remove(os.path.join(copy, "model.safetensors"))
    shards = {name: f"model-{1 + i % 2:05}-of-00002.safetensors" for i, name in enumerate(state)}
    for shard in set(shards.values()):
        save_file({name: state[name] for name in shards if shards[name] == shard}, os.path.join(copy, shard))
    with open(os.path.join(copy, "model.safetensors.index.json"), "w") as file:
        json.dump({"weight_map": shards}, file)
    assert content(copy) == first
    name = next(iter(state))
    state[name].view(torch.int32)[3, 4] ^= 1
    save_file(state, os.path.join(folder, "model.safetensors"))
    assert content(folder) != first
