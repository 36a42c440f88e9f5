import json

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import load_file, save_file

from harness.errors import ModelError
from harness.models import scales, tiny
from harness.models.load import load, locate

Q = "model.layers.0.self_attn.q_proj.weight"


def rewrite(folder, change):
    """Apply `change` to the folder's tensors."""
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def edit_config(folder, **entries):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | entries))


def test_tiny_scale_is_built_from_the_seed():
    loaded = load("tiny", seed=5)
    assert (loaded.name, loaded.path) == ("tiny", None)
    assert torch.equal(loaded.model.lm_head.weight, tiny.build(5).model.lm_head.weight)


def test_saved_folder_loads_with_its_tokenizer(tiny_folder):
    loaded = load(tiny_folder)
    original, tokenizer = tiny.build(seed=0)
    assert loaded.name == "custom:model"
    assert loaded.path == tiny_folder
    assert not loaded.model.training
    assert loaded.tokenizer("07+42=")["input_ids"] == tokenizer("07+42=")["input_ids"]
    assert loaded.tokenizer.padding_side == "left"
    assert torch.equal(loaded.model.lm_head.weight, original.lm_head.weight)


def test_bf16_folder_computes_in_fp32_on_a_cpu(tiny_folder):
    rewrite(tiny_folder, lambda state: state.update({name: tensor.bfloat16() for name, tensor in state.items()}))
    edit_config(tiny_folder, dtype="bfloat16")
    assert {p.dtype for p in load(tiny_folder).model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "how", [{"quant_method": "bitsandbytes", "load_in_4bit": True}, {"load_in_8bit": True}, {"quant_method": "gptq", "bits": 4}], ids=str
)
def test_quantised_folder_is_refused(how, tiny_folder):
    edit_config(tiny_folder, quantization_config=how)
    with pytest.raises(ModelError, match=f"is quantised .{how.get('quant_method', 'bitsandbytes')}.*dequantise it first.*on a GPU"):
        load(tiny_folder)


def test_pickled_folder_loads(tiny_folder):
    state = load_file(tiny_folder / "model.safetensors")
    (tiny_folder / "model.safetensors").unlink()
    torch.save(state, tiny_folder / "pytorch_model.bin")
    assert torch.equal(load(tiny_folder).model.lm_head.weight, state["lm_head.weight"])


def test_folder_without_tokenizer_still_gives_weights(tiny_folder):
    (tiny_folder / "tokenizer.json").unlink()
    assert load(tiny_folder).tokenizer is None


def test_wrong_shape_names_tensor_found_and_expected(tiny_folder):
    rewrite(tiny_folder, lambda state: state.update({Q: torch.zeros(64, 32)}))
    with pytest.raises(ModelError, match=r"q_proj\.weight has shape \(64, 32\) where its config\.json says \(64, 64\)"):
        load(tiny_folder)


def test_missing_tensor_is_not_filled_at_random(tiny_folder):
    rewrite(tiny_folder, lambda state: state.pop(Q))
    with pytest.raises(ModelError, match="lacks tensor model.layers.0.self_attn.q_proj.weight"):
        load(tiny_folder)


def test_layer_beyond_the_config_is_not_dropped(tiny_folder):
    edit_config(tiny_folder, num_hidden_layers=1)
    with pytest.raises(ModelError, match=r"holds tensor model\.layers\.1\..* has no place for"):
        load(tiny_folder)


@pytest.mark.parametrize(
    "entries",
    [
        dict(model_type="nonsense"),
        dict(num_attention_heads=7),
        dict(model_type="mine", auto_map={"AutoConfig": "code.Config"}),
    ],
    ids=["unknown-architecture", "impossible-shape", "remote-code"],
)
def test_config_that_transformers_refuses_is_one_sentence(tiny_folder, entries):
    edit_config(tiny_folder, **entries)
    with pytest.raises(ModelError) as refused:
        load(tiny_folder)
    assert "\n" not in str(refused.value)


def test_damaged_config_is_one_sentence(tiny_folder):
    (tiny_folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="config.json is damaged: copy or download it again"):
        load(tiny_folder)


def test_hub_model_that_is_not_here_says_what_to_do():
    with pytest.raises(ModelError, match="set HF_HUB_OFFLINE=0 to allow the download"):
        load("nobody/nothing-of-that-name")


def test_hub_model_goes_through_the_same_door(tiny_folder, monkeypatch):
    asked = []

    def snapshot(model_id, allow_patterns):
        asked.append((model_id, allow_patterns))
        return str(tiny_folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    loaded = load("owner/model")
    assert (loaded.name, loaded.path) == ("custom:model", tiny_folder)
    ((model_id, patterns),) = asked
    assert model_id == "owner/model"
    assert "*.safetensors" in patterns and not any("bin" in pattern for pattern in patterns)


def test_hub_model_without_safetensors_falls_back_to_pickles(tiny_folder, monkeypatch):
    state = load_file(tiny_folder / "model.safetensors")
    (tiny_folder / "model.safetensors").unlink()

    def snapshot(model_id, allow_patterns):
        if "pytorch_model*.bin" in allow_patterns:
            torch.save(state, tiny_folder / "pytorch_model.bin")
        return str(tiny_folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert torch.equal(load("owner/model").model.lm_head.weight, state["lm_head.weight"])


def test_medium_without_a_hub_is_one_sentence(monkeypatch):
    def offline(model_id, allow_patterns):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ModelError, match="Qwen/Qwen2.5-1.5B is no local folder"):
        load("medium")


@pytest.mark.parametrize("path", ["/nowhere/at/all", "./nowhere", "a/b/c"])
def test_path_to_nothing_is_not_taken_for_a_hub_id(path):
    with pytest.raises(ModelError, match="is not a folder"):
        load(path)


def test_unknown_scale_is_refused():
    with pytest.raises(ModelError, match="unknown scale 'smal'"):
        load("smal")


def test_tiny_scale_has_no_folder():
    with pytest.raises(ModelError, match="its weights are made by training"):
        locate(scales.get("tiny"))
