"""A synthetic pair is a pair of checkpoints like any other, always the same, and what was planted in it is found."""

import hashlib

import pytest
import torch
from harness.engine.matrix_rows import MatrixReader
from harness.errors import ModelError
from harness.models.pair import Pair
from harness.models.synthetic import RMS, main, write_pair

SMALL = dict(layers=2, hidden=128, ffn=320, heads=8, kv_heads=2)
ATTENTION = {"q_proj": (128, 128), "k_proj": (32, 128), "v_proj": (32, 128), "o_proj": (128, 128)}
MLP = {"gate_proj": (320, 128), "up_proj": (320, 128), "down_proj": (128, 320)}


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def rows(folder, draws=0, **given):
    """Rows by metric of one matrix, 640 x 256."""
    shape = dict(layers=1, hidden=256, ffn=640, heads=8, kv_heads=8)
    pair = Pair(*write_pair(folder, **shape, **given), where="mlp.up_proj")
    [(_, w0, w1)] = pair.read()
    return {row["metric"]: row for row in MatrixReader(w0).rows(w1, draws=draws)}


def test_it_is_a_llama_in_bf16(tmp_path):
    pair = Pair(*write_pair(tmp_path, **SMALL))
    shapes = {entry.name.rpartition(".")[2]: entry.shape for entry in pair.entries}
    assert shapes == ATTENTION | MLP
    assert len(pair.entries) == 2 * 7
    assert not any(pair.unmatched)
    assert {(entry.base_dtype, entry.tuned_dtype) for entry in pair.entries} == {("bfloat16", "bfloat16")}
    assert pair.left_out == {"embeddings": 1, "norms": 5}


def test_transformers_loads_it(tmp_path):
    from harness.models.quiet import quiet_transformers
    from transformers import AutoModelForCausalLM

    base, _ = write_pair(tmp_path, **SMALL)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    [(_, w0, _)] = Pair(base, base, where=r"layers\.1.*down").read()
    assert torch.equal(model.model.layers[1].mlp.down_proj.weight, w0)


def test_weights_have_the_size_of_real_ones(tmp_path):
    for _, w0, _ in Pair(*write_pair(tmp_path, **SMALL), where="mlp").read():
        assert w0.float().square().mean().sqrt().item() == pytest.approx(RMS, rel=0.02)


@pytest.mark.parametrize("update", ["noise", "principal", "low-rank"])
def test_a_seed_repeats_and_layers_stay(update, tmp_path):
    one, other, longer, another = (tmp_path / name for name in ("one", "other", "longer", "another"))
    for folder, given in ((one, {}), (other, {}), (longer, {"layers": 3}), (another, {"seed": 1})):
        write_pair(folder, **SMALL | given, update=update)
    for side in ("base", "tuned"):
        assert digests(one / side) == digests(other / side)
        assert set(digests(one / side).values()) & set(digests(another / side).values()) <= {
            digests(one / side)["config.json"], digests(one / side)["model.safetensors.index.json"]
        }  # fmt: skip
    first = [(entry.name, *both) for entry, *both in Pair(one / "base", one / "tuned", where=r"layers\.[01]").read()]
    again = [(entry.name, *both) for entry, *both in Pair(longer / "base", longer / "tuned", where=r"layers\.[01]").read()]
    assert all(a[0] == b[0] and torch.equal(a[1], b[1]) and torch.equal(a[2], b[2]) for a, b in zip(first, again, strict=True))


def test_updates_differ_on_one_base(tmp_path):
    bases = {update: write_pair(tmp_path / update, **SMALL, update=update) for update in ("noise", "low-rank")}
    assert digests(bases["noise"][0]) == digests(bases["low-rank"][0])
    assert digests(bases["noise"][1]) != digests(bases["low-rank"][1])


def test_the_update_has_the_size_asked_for(tmp_path):
    assert rows(tmp_path, relative=3e-2)["relative_norm"]["value"] == pytest.approx(3e-2, rel=0.01)


def test_a_principal_update_is_found(tmp_path):
    """It lies between the 16 leading directions that the reader looks between: chance times m n / k^2, but for rounding."""
    found = rows(tmp_path, draws=3, update="principal", relative=3e-2)["enrichment_uv"]
    assert found["value"] > 0.95 * 640 * 256 / found["k"] ** 2
    assert abs(found["value"] - found["null_mean"]) > 1000 * found["null_sd"]


def test_a_low_rank_update_is_of_its_rank_and_off_the_base(tmp_path):
    found = rows(tmp_path, update="low-rank", relative=3e-2)
    assert found["energy_rank"]["value"] == pytest.approx(8, abs=1)
    assert found["enrichment_uv"]["value"] < 3


def test_noise_reads_as_its_null(tmp_path):
    found = rows(tmp_path, draws=8, update="noise")
    compared = {metric: row for metric, row in found.items() if row.get("null_name") == "rounded_isotropic"}
    assert {"enrichment_uv", "nss", "kappa", "bf16_density", "angle"} <= compared.keys()
    for metric, row in compared.items():
        assert abs(row["value"] - row["null_mean"]) <= 5 * row["null_sd"] + 0.01 * row["null_mean"], metric


def test_the_command_writes_the_shapes_of_a_size(tmp_path, capsys):
    main([str(tmp_path), "--size", "0.1b", "--layers", "1"])
    pair = Pair(*capsys.readouterr().out.split())
    assert {entry.shape for entry in pair.entries} == {(576, 576), (192, 576), (1536, 576), (576, 1536)}


@pytest.mark.parametrize(
    "given, said", [({"update": "loud"}, "no update 'loud'"), ({"base": "flat"}, "or base 'flat'"), ({"heads": 3}, "multiple of heads 3")]
)
def test_what_makes_no_pair_is_refused(given, said, tmp_path):
    with pytest.raises(ModelError, match=said):
        write_pair(tmp_path, **SMALL | given)
