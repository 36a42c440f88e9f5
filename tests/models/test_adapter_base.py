"""An adapter of another base is told by what its folder says, and only by that."""

import json
import shutil

import pytest
import torch
from harness.models.adapter_base import KEY, other_base
from harness.models.fingerprint import content
from safetensors.torch import load_file, save_file

UP = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def bases(checkpoint, noise):
    """A base, and another of the same shapes."""
    return checkpoint("base"), checkpoint("other", noise)


@pytest.fixture
def adapter(tmp_path):
    """adapter(metadata=..., **config) writes a folder of one LoRA."""

    def write(metadata=None, **config):
        folder = tmp_path / "adapter"
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 1} | config))
        factors = {"A": torch.ones(1, 32), "B": torch.ones(48, 1)}
        tensors = {f"base_model.model.{UP.removesuffix('.weight')}.lora_{part}.weight": each for part, each in factors.items()}
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"} | (metadata or {}))
        return str(folder)

    return write


def test_a_named_folder_of_other_weights_is_told(bases, adapter):
    base, other = bases
    folder = adapter(base_model_name_or_path=other)
    said = other_base(base, folder)
    assert said.startswith(f"{folder} is an adapter of another base than {base} (its config names {other}, and layers.")
    assert said.endswith("_proj differs there): on this one its update means nothing.") and "\n" not in said
    assert other_base(other, folder) is None


def test_a_copy_of_the_named_folder_is_the_same_base(bases, adapter):
    base, _ = bases
    copy = shutil.copytree(base, f"{base}-copy")
    assert other_base(copy, adapter(base_model_name_or_path=base)) is None


def test_a_base_in_another_dtype_is_the_same_base(checkpoint, adapter):
    """An adapter trained on the bf16 copy, read on the fp32 original: equal where both can be."""
    base, half = checkpoint("base"), checkpoint("half", dtype=torch.bfloat16)
    assert other_base(base, adapter(base_model_name_or_path=half)) is None


def test_a_hash_in_the_file_decides(bases, adapter):
    base, other = bases
    folder = adapter({KEY: content(base)}, base_model_name_or_path=other)
    assert other_base(base, folder) is None
    assert f"its {KEY} is {content(base)[:12]}..., not that of these weights" in other_base(other, folder)


def test_a_base_in_the_hubs_cache_is_found(bases, adapter, tmp_path, monkeypatch):
    base, other = bases
    snapshot = tmp_path / "hub" / "models--owner--name" / "snapshots" / "abc"
    shutil.copytree(other, snapshot)
    (tmp_path / "hub" / "models--owner--name" / "refs").mkdir()
    (tmp_path / "hub" / "models--owner--name" / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = adapter(base_model_name_or_path="owner/name")
    assert "differs there" in other_base(base, folder) and other_base(other, folder) is None


@pytest.mark.parametrize(
    "config",
    [{}, {"base_model_name_or_path": None}, {"base_model_name_or_path": "owner/nowhere"}, {"base_model_name_or_path": 3},
     {"base_model_name_or_path": "no such/folder/at all"}, {"base_model_name_or_path": "owner/name", "revision": 3}],
    ids=str,
)  # fmt: skip
def test_a_name_that_leads_nowhere_says_nothing(config, bases, adapter):
    assert other_base(bases[0], adapter(**config)) is None


@pytest.mark.parametrize("spoil", ["config", "weights", "named"])
def test_damage_is_not_for_this_one_to_tell(spoil, bases, adapter, tmp_path):
    base, other = bases
    folder = adapter(base_model_name_or_path=other)
    file = {"config": "adapter/adapter_config.json", "weights": "adapter/adapter_model.safetensors", "named": "other/model.safetensors"}
    (tmp_path / file[spoil]).write_bytes(b"{")
    assert (other_base(base, folder) is None) == (spoil != "weights")


def test_a_model_is_no_adapter(bases):
    assert other_base(*bases) is None


def test_a_difference_in_one_entry_is_seen(bases, adapter):
    base, _ = bases
    copy = shutil.copytree(base, f"{base}-copy")
    state = load_file(f"{copy}/model.safetensors")
    for weight in state.values():
        weight[0, 0] += 1e-3
    save_file(state, f"{copy}/model.safetensors")
    assert other_base(base, adapter(base_model_name_or_path=copy)) is not None
