"""What several parts of the tests share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TOY = """
import harness as h

TOY = h.Paper("path-not-taken", arxiv="", title="A stand-in for the paper that the README asks about")


@TOY.claim("is-one", says="one is one", source="nowhere", bound=h.exact(1), null=h.variant(x=2), plant=h.variant(x=1))
def test_is_one(x=1):
    return x
"""


@pytest.fixture(scope="session", autouse=True)
def as_at_a_desk():
    """pytest prints its short summary whole where these are set, and the tests read what sessions print."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "BUILD_NUMBER"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., str]:
    """checkpoint(name, change) saves a model of two layers with `change(matrix, generator)` as every matrix; returns its path.

    Without a change it is the base; `rows` are kept of each matrix. The generator belongs to the name.
    """
    import torch
    from safetensors.torch import save_file

    draw = torch.Generator().manual_seed(0)
    names = [f"model.layers.{layer}.mlp.{kind}_proj.weight" for layer in (0, 1) for kind in ("up", "gate")]
    base = {name: torch.randn(48, 32, generator=draw) for name in names}

    def save(name, change=lambda w0, _: w0, *, rows=48, dtype=torch.float32):
        folder = tmp_path / name
        folder.mkdir()
        own = torch.Generator().manual_seed(sum(map(ord, name)))
        tuned = {key: change(w0[:rows], own).to(dtype).contiguous() for key, w0 in base.items()}
        save_file(tuned, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text('{"model_type": "llama"}')
        return str(folder)

    return save


@pytest.fixture
def noise() -> Callable:
    """A change for `checkpoint`: isotropic noise of a hundredth of the weights' size."""

    def moved(w0, generator):
        import torch

        return w0 + 1e-2 * torch.randn(w0.shape, generator=generator)

    return moved


@pytest.fixture
def principal() -> Callable:
    """A change for `checkpoint`: along the leading singular pair, in another length each time, with a trace of noise."""

    def moved(w0, generator):
        import torch

        u, _, v = torch.linalg.svd(w0, full_matrices=False)
        length = 0.3 + 0.1 * torch.rand((), generator=generator)
        return w0 + length * torch.outer(u[:, 0], v[0]) + 1e-4 * torch.randn(w0.shape, generator=generator)

    return moved


@pytest.fixture(scope="session")
def store_with_one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder into which a real session wrote one claim."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "test_toy.py").write_text(TOY)
    (folder / "pyproject.toml").write_text("[tool.pytest]\nstrict = true\n")
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:benchmark"]
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache")}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=120, check=True)
    return folder / "results"


@pytest.fixture
def small_model():
    """small_model(folder, noise=0.0, seed=1, dtype="float32", **change) writes a model of four small matrices, fast to diff.

    Noise is relative to each matrix; `change` maps "up_proj" or "q_proj" to a function of the matrix of layer 0.
    """

    def write(folder, noise=0.0, seed=1, dtype="float32", **change):
        import torch
        from safetensors.torch import save_file

        same, other = (torch.Generator().manual_seed(each) for each in (0, seed))
        tensors = {"model.embed_tokens.weight": torch.ones(32, 16), "model.norm.weight": torch.ones(16)}
        for layer in (0, 1):
            for module, shape in (("mlp.up_proj", (24, 16)), ("self_attn.q_proj", (16, 16))):
                weight = 0.02 * torch.randn(shape, generator=same)
                weight = weight + noise * 0.02 * torch.randn(shape, generator=other)
                leaf = module.partition(".")[2]
                weight = change[leaf](weight) if layer == 0 and leaf in change else weight
                tensors[f"model.layers.{layer}.{module}.weight"] = weight.to(getattr(torch, dtype)).contiguous()
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "config.json").write_text("{}")
        save_file(tensors, Path(folder) / "model.safetensors")
        return str(folder)

    return write
