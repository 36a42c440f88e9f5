import json
import os
import struct

import pytest
import torch
from safetensors.torch import save_file

from harness.errors import ModelError
from harness.models import tensor_file
from harness.models.tensor_file import headers, read, state_of

STATE = {"a": torch.arange(12.0).reshape(4, 3), "b": torch.ones(2, dtype=torch.bfloat16)}


class Hostile:
    """What torch's own loader would run, were it asked to load everything."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def write(file, state=None):
    if file.suffix == ".safetensors":
        save_file(state or STATE, file)
    else:
        torch.save(state or STATE, file, _use_new_zipfile_serialization=file.suffix != ".bin")
    return file


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "old.bin"])
def test_headers_say_what_read_gives(name, tmp_path):
    file = write(tmp_path / name)
    found = headers(file)
    assert {key: (each.shape, each.dtype, each.bytes) for key, each in found.items()} == {
        "a": ((4, 3), "float32", 48),
        "b": ((2,), "bfloat16", 4),
    }
    for key, tensor in STATE.items():
        assert torch.equal(read(file, key), tensor)
    assert torch.equal(read(file, "a", slice(1, 3)), STATE["a"][1:3])
    assert torch.equal(read(file, "a", 2), STATE["a"][2])


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "old.bin"])
def test_what_is_read_may_be_written_to(name, tmp_path):
    file = write(tmp_path / name)
    read(file, "a").zero_()
    assert torch.equal(read(file, "a"), STATE["a"])


def test_a_pickle_is_opened_anew_after_so_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_file, "MAPPED_BYTES", 100)
    opened, load = [], tensor_file._load
    monkeypatch.setattr(tensor_file, "_load", lambda *args, **kwargs: opened.append(args) or load(*args, **kwargs))
    file = write(tmp_path / "a.pt")
    for _ in range(9):
        assert torch.equal(read(file, "a"), STATE["a"])
    assert len(opened) == 3  # 48 bytes a read


@pytest.mark.parametrize(
    "path", [(), ("state_dict",), ("model", "state_dict"), ("model_state_dict",), ("module", "model", "params")], ids="/".join
)
def test_a_state_is_found_under_the_names_in_use(path):
    content = STATE | {"step": 3}
    for key in reversed(path):
        content = {"optimizer": {"state": {0: torch.ones(3)}}, "rng": torch.ones(1), key: content}
    found = state_of(content)
    assert found is not None
    assert found.keys() == STATE.keys()


@pytest.mark.parametrize("content", [3, {}, {"step": 3}, [torch.ones(2)], {"model": {"state_dict": {}}}], ids=str)
def test_there_may_be_no_state(content):
    assert state_of(content) is None


def test_a_state_that_is_nowhere_is_refused(tmp_path):
    torch.save({"step": 3}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="holds no tensors under state_dict, "):
        headers(tmp_path / "a.pt", nested=True)


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path):
    torch.save({"a": torch.ones(2), "b": Hostile(f"touch {tmp_path / 'ran'}")}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="is refused: it holds more than weights, and loading it could run code"):
        headers(tmp_path / "a.pt", nested=True)
    assert not (tmp_path / "ran").exists()


def test_a_dtype_that_is_not_known_is_named(tmp_path):
    header = json.dumps({"a": {"dtype": "Q3", "shape": [2, 2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"0000")
    with pytest.raises(ModelError, match="holds a dtype that safetensors does not know"):
        headers(tmp_path / "a.safetensors")


def test_packed_tensors_have_no_dtype_to_read(tmp_path):
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "a.pt")
    assert headers(tmp_path / "a.pt")["a"].dtype == "packed"


def test_tied_tensors_share_their_storage(tmp_path):
    torch.save({"a": STATE["a"], "b": STATE["a"], "c": STATE["a"].clone(), "d": STATE["a"].T}, tmp_path / "a.pt")
    found = {name: each.storage for name, each in headers(tmp_path / "a.pt").items()}
    assert found["a"] == found["b"]
    assert len(set(found.values())) == 3


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read \(No such file"):
        headers(tmp_path / "a.safetensors")
