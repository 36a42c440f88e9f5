"""Arms, bases and provenance on a user's own checkpoints."""

import pytest
import torch

import harness as h
from harness.claims import registry
from harness.engine import own
from harness.engine.own_lab import OwnLab
from harness.engine.weights_only import WeightsOnly
from harness.errors import MeasureError, ModelError
from harness.models import selection
from harness.models.weights import matrices


@pytest.fixture
def claim(monkeypatch):
    monkeypatch.setattr(registry, "_claims", {})
    monkeypatch.setattr(registry, "_papers", {})

    def declare(body, **more):
        given = dict(says="it holds", source="nowhere", bound=h.above(0), null="isotropic", no_plant="a test") | more
        return h.Paper("labs", arxiv="", title="Labs").claim("one", **given)(body).__claim__

    return declare


@pytest.fixture
def contrast(claim):
    def body(rlvr, sft, noise, base): ...

    return claim(body)


@pytest.fixture
def lab(checkpoint, noise):
    """Two replicates of rlvr and sft on one base; lab.paths names them."""
    paths = {name: checkpoint(name, noise) for name in ("rlvr-a", "rlvr-b", "sft-a", "sft-b")}
    base = checkpoint("base")
    made = OwnLab(own.read(base, [f"{name.partition('-')[0]}={path}" for name, path in paths.items()], None))
    made.paths = paths | {"base": base}
    return made


def test_replicates_are_the_checkpoints_in_order(lab, contrast):
    for seed, letter in enumerate("ab"):
        given = lab.arguments(contrast, seed, None, purpose="p")
        for arm in ("rlvr", "sft"):
            tuned = matrices(lab.paths[f"{arm}-{letter}"])
            assert isinstance(given[arm], WeightsOnly) and given[arm].seed == seed
            for name, w1 in given[arm].tuned().items():
                assert torch.equal(w1, tuned[name])
        assert given["base"].keys() == given["noise"].base.keys() == given["rlvr"].base.keys()


def test_a_control_stands_in_for_a_checkpoint(lab, contrast):
    nulled = lab.arguments(contrast, 0, contrast.nulls[0], purpose="p")
    assert isinstance(nulled["rlvr"], h.Change) and nulled["rlvr"].label == "null:isotropic"
    assert dict(nulled["rlvr"].norm()) == pytest.approx(dict(lab.change("rlvr", 0).norm()))


def test_all_changes_share_the_bases_tensors(lab):
    base = lab.base(0)
    for arm, seed in (("rlvr", 0), ("sft", 1), ("noise", 0)):
        assert all(w0.data_ptr() == base[name].data_ptr() for name, w0 in lab.change(arm, seed).base.items())


def test_rows_tell_which_checkpoints_they_rest_on(lab, contrast):
    keys = [lab.run_keys(contrast, seed) for seed in (0, 1)]
    assert [[key.partition("@")[0] for key in each] for each in keys] == [
        [lab.paths[f"{arm}-{letter}"] for arm in ("rlvr", "sft")] for letter in "ab"
    ]
    assert len({key.partition("@")[2] for each in keys for key in each}) == 4
    assert (lab.scale, lab.model_name, lab.dtype) == ("own", lab.paths["base"], "float32")
    assert lab.notes(contrast) == []


def test_what_is_left_out_is_told(checkpoint, noise, claim, monkeypatch):
    def body(rlvr): ...

    turn = iter(range(4))
    partly = checkpoint("partly", lambda w0, draw: w0 if next(turn) == 0 else noise(w0, draw))
    floored = claim(body, floor=h.swap(rlvr="rlvr_twin"))
    asked = own.read(checkpoint("base"), [f"rlvr={partly}"], None)
    notes = OwnLab(asked).notes(floored)
    assert notes[0] == "1 of 4 matrices left out: a checkpoint has them as the base does"
    assert notes[1].startswith("no noise floor") and len(notes) == 2
    monkeypatch.setattr(selection, "LIMIT", 2 * 48 * 32)
    assert OwnLab(asked).notes(floored)[0].startswith("a sample of 2 of 4 matrices, spread over modules and layers")


def test_a_file_in_16_bits_is_told_where_its_arm_is_taken(checkpoint, noise, claim, contrast):
    def body(sft): ...

    half = checkpoint("half", noise, dtype=torch.bfloat16)
    lab = OwnLab(own.read(checkpoint("base"), [f"rlvr={half}", f"sft={checkpoint('whole', noise)}"], None))
    assert lab.dtype == "bfloat16/float32"
    [note] = lab.notes(contrast)
    assert note.startswith("stored in 16 bits: rlvr; what moved by less than their rounding is equal there")
    registry._claims.clear()
    assert lab.notes(claim(body)) == []


def test_what_one_side_lacks_is_named(checkpoint, noise, contrast, tmp_path):
    from safetensors.torch import load_file, save_file

    tuned = checkpoint("tuned", noise)
    file = f"{tuned}/model.safetensors"
    kept = {name: each for name, each in load_file(file).items() if "layers.1.mlp.up" not in name}
    save_file(kept, file)
    lab = OwnLab(own.read(checkpoint("base"), [f"rlvr={tuned}"], None))
    assert lab.notes(contrast) == ["not compared, since one side lacks them or has another shape: layers.1.mlp.up_proj (1 in all)"]


def test_what_an_adapter_leaves_alone_is_left_out(checkpoint, contrast, tmp_path):
    import json

    from safetensors.torch import save_file

    folder, name = tmp_path / "adapter", "base_model.model.model.layers.1.mlp.up_proj"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
    save_file(
        {f"{name}.lora_A.weight": torch.ones(2, 32), f"{name}.lora_B.weight": torch.ones(48, 2)},
        folder / "adapter_model.safetensors",
    )
    lab = OwnLab(own.read(checkpoint("base"), [f"rlvr={folder}"], None))
    change = lab.change("rlvr", 0)
    assert list(change.update) == ["layers.1.mlp.up_proj"]
    torch.testing.assert_close(change.update["layers.1.mlp.up_proj"], torch.full((48, 32), 2.0, dtype=torch.float64))
    assert lab.notes(contrast) == ["3 of 4 matrices left out: a checkpoint has them as the base does"]


@pytest.fixture
def lora(tmp_path):
    """lora(name, b, **config) writes an adapter of rank 1 on the first up_proj, whose B is `b` everywhere."""

    def write(name, b=0.1, **config):
        import json

        from safetensors.torch import save_file

        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1} | config))
        module = "base_model.model.model.layers.0.mlp.up_proj"
        factors = {f"{module}.lora_A.weight": torch.ones(1, 32), f"{module}.lora_B.weight": torch.full((48, 1), b)}
        save_file(factors, folder / "adapter_model.safetensors")
        return str(folder)

    return write


def test_an_adapter_of_another_base_is_told(checkpoint, noise, claim, lora):
    def body(rlvr_lora): ...

    base, other = checkpoint("base"), checkpoint("other", noise)
    given = claim(body)
    for named, told in ((other, 1), (base, 0)):
        folder = lora(f"of-{told}", base_model_name_or_path=named)
        notes = OwnLab(own.read(base, [f"rlvr_lora={folder}"], None)).notes(given)
        assert sum("is an adapter of another base than" in note for note in notes) == told


def test_an_adapter_without_weights_is_refused_before_anything_is_measured(checkpoint, lora, tmp_path):
    folder = lora("empty")
    (tmp_path / "empty" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no adapter_model.safetensors or adapter_model.bin"):
        own.read(checkpoint("base"), [f"rlvr_lora={folder}"], None).check()


def test_a_merge_that_is_not_finite_is_named(checkpoint, lora):
    lab = OwnLab(own.read(checkpoint("base"), [f"rlvr_lora={lora('damaged', float('nan'))}"], None))
    with pytest.raises(MeasureError, match="layers.0.mlp.up_proj holds 1536 entries that are not finite"):
        lab.change("rlvr_lora", 0)
