"""Shards as safetensors reads them; a folder that is whole or not there."""

import errno
import json
import os

import torch
from harness.errors import ModelError
from harness.models import shards
from harness.models.shards import ShardWriter, check_room, planned, whole_folder
from pytest import fixture, mark, raises
from safetensors.torch import load_file

DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "bool")


@fixture
def tensors():
    draw = torch.Generator().manual_seed(0)
    found = {f"{d}.{size}": torch.randn(size, 3, generator=draw).to(getattr(torch, d)) for d in DTYPES for size in (5, 0)}
    return {**found, "number": torch.tensor(2.5), "turned": torch.randn(4, 6, generator=draw).T}


def write(folder, tensors, limit):
    plan = {name: planned(str(t.dtype).removeprefix("torch."), tuple(t.shape), t.dtype.itemsize) for name, t in tensors.items()}
    writer = ShardWriter(folder, plan, limit)
    for name, tensor in tensors.items():
        writer.add(name, tensor)
    writer.close()


@mark.parametrize(("limit", "count"), [(10**6, 1), (150, 3), (1, 9)], ids=["one", "some", "each"])
def test_what_is_written_is_read(limit, count, tensors, tmp_path):
    write(tmp_path, tensors, limit)
    files = sorted(tmp_path.glob("*.safetensors"))
    read = {name: tensor for file in files for name, tensor in load_file(file).items()}
    assert read.keys() == tensors.keys() and all(torch.equal(read[name], tensor) for name, tensor in tensors.items())
    if count == 1:
        assert [file.name for file in files] == ["model.safetensors"] and not (tmp_path / shards.INDEX).exists()
        return
    index = json.loads((tmp_path / shards.INDEX).read_text())
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in tensors.values())
    assert set(index["weight_map"].values()) == {file.name for file in files} and len(files) > 1
    assert all(name in load_file(tmp_path / file) for name, file in index["weight_map"].items())


def test_another_tensor_than_planned_is_refused(tmp_path):
    plan = {"a": planned("float32", (2, 2), 4), "b": planned("float32", (2,), 4)}
    for name, tensor in (("b", torch.zeros(2)), ("a", torch.zeros(3)), ("a", torch.zeros(2, 2).double())):
        writer = ShardWriter(tmp_path, plan)
        with raises(ValueError, match="not what was planned"):
            writer.add(name, tensor)
        writer.abort()
    with raises(ValueError, match="tensors are missing"):
        ShardWriter(tmp_path, plan).close()


def test_a_folder_appears_at_the_end(tmp_path):
    with whole_folder(tmp_path / "deep" / "out") as partial:
        (partial / "file").write_text("x")
        assert not (tmp_path / "deep" / "out").exists() and partial.name == f"out.partial-{os.getpid()}"
    assert (tmp_path / "deep" / "out" / "file").read_text() == "x" and not partial.exists()


@mark.parametrize("failure", [ValueError("x"), KeyboardInterrupt()], ids=["error", "ctrl-c"])
def test_a_failure_leaves_nothing(failure, tmp_path):
    with raises(type(failure)), whole_folder(tmp_path / "out") as partial:
        (partial / "file").write_text("x")
        raise failure
    assert not list(tmp_path.iterdir())


@mark.parametrize(
    ("code", "says"),
    [(errno.ENOSPC, "the disk of .* is full: free some space"), (errno.EACCES, "cannot be written .Permission denied")],
)
def test_a_disk_that_refuses_is_one_sentence(code, says, tmp_path):
    with raises(ModelError, match=says), whole_folder(tmp_path / "out"):
        raise OSError(code, os.strerror(code))
    assert not list(tmp_path.iterdir())


def test_what_exists_is_not_written_over(tmp_path):
    (tmp_path / "out").mkdir()
    with raises(ModelError, match="exists already"), whole_folder(tmp_path / "out"):
        pass
    with raises(ModelError, match="made by another process meanwhile"), whole_folder(tmp_path / "late"):
        (tmp_path / "late").mkdir()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["late", "out"]


def test_room_is_looked_for_before_anything_is_written(tmp_path):
    check_room(tmp_path / "not" / "there", 1)
    with raises(ModelError, match="needs 1000000000.0 GB, and its disk has"):
        check_room(tmp_path / "out", 10**18)
