"""Truth: PEFT's own merge_and_unload."""

import json
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import ModelError
from harness.models.pair import Pair
from harness.models.quiet import quiet_transformers

ADAPTERS = {
    "plain": dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]),
    "rslora": dict(r=4, lora_alpha=8, target_modules=["q_proj"], use_rslora=True),
    "patterns": dict(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "v_proj"],
        rank_pattern={"layers.0.self_attn.q_proj": 2},
        alpha_pattern={"v_proj": 3, "q_proj": 5},
    ),
    "dora": dict(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"], use_dora=True),
    "whole": dict(r=4, lora_alpha=8, target_modules=["q_proj"], modules_to_save=["o_proj", "lm_head"]),
    "biases": dict(r=4, lora_alpha=8, target_modules=["q_proj", "lm_head"], bias="lora_only", lora_bias=False),
}


def trained(model, config):
    """A PEFT model whose adapter is no longer the identity."""
    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_peft_model(model, LoraConfig(**config))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in found.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return found


def save(peft_model, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peft_model.save_pretrained(folder)
    return folder


def merged(peft_model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return peft_model.merge_and_unload().state_dict()


@pytest.fixture
def adapt(tiny_folder, tmp_path):
    """Saves an adapter of the tiny model; gives its folder and the weights that PEFT merges."""

    def make(**config):
        from transformers import AutoModelForCausalLM

        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
        found = trained(model, config)
        return save(found, tmp_path / "adapter"), merged(found)

    return make


def edit(folder, **changes):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_what_is_read_is_what_peft_merges(adapter, adapt, tiny_folder):
    folder, expected = adapt(**ADAPTERS[adapter])
    pair = Pair(tiny_folder, folder)
    changed = 0
    for entry, base, tuned in pair.read():
        assert torch.equal(tuned, expected[f"model.{entry.name}.weight"]), entry.name
        assert entry.tuned_dtype == "float32"
        changed += not torch.equal(base, tuned)
    assert len(pair.entries) == 14
    assert changed == 2 * len(
        {*ADAPTERS[adapter]["target_modules"], *ADAPTERS[adapter].get("modules_to_save", ())} - {"lm_head"}
    )


def test_on_a_bf16_base_the_update_keeps_its_rank(adapt, tiny_folder):
    folder, _ = adapt(r=2, lora_alpha=4, target_modules=["q_proj"])
    file = tiny_folder / "model.safetensors"
    save_file({name: each.bfloat16() for name, each in load_file(file).items()}, file, metadata={"format": "pt"})
    entries = {entry.name: (entry, base, tuned) for entry, base, tuned in Pair(tiny_folder, folder, where="self_attn").read()}
    entry, base, tuned = entries["layers.0.self_attn.q_proj"]
    assert (entry.base_dtype, entry.tuned_dtype, tuned.dtype) == ("bfloat16", "float32", torch.float32)
    assert torch.linalg.matrix_rank(tuned - base.float(), rtol=1e-4) == 2
    entry, base, tuned = entries["layers.0.self_attn.k_proj"]
    assert (entry.tuned_dtype, tuned.dtype) == ("bfloat16", torch.bfloat16)
    assert torch.equal(base, tuned)


@pytest.mark.parametrize(
    "kind, size, targets",
    [
        ("phi3", dict(num_key_value_heads=2, pad_token_id=0), ["qkv_proj", "gate_up_proj"]),
        ("gpt2", dict(n_inner=24), ["c_attn", "c_proj"]),
    ],
    ids=["phi3", "gpt2"],
)
def test_an_adapter_of_fused_modules_reaches_their_parts(kind, size, targets, tmp_path):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    shape = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4, vocab_size=32)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape, **size))
        model.save_pretrained(tmp_path / "base")
        found = trained(model, dict(r=2, lora_alpha=4, target_modules=targets, fan_in_fan_out=kind == "gpt2"))
        save(found, tmp_path / "adapter")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.merge_and_unload().save_pretrained(tmp_path / "merged")
    expected = {entry.name: tuned for entry, _, tuned in Pair(tmp_path / "base", tmp_path / "merged").read()}
    for entry, base, tuned in Pair(tmp_path / "base", tmp_path / "adapter").read():
        torch.testing.assert_close(tuned, expected[entry.name], rtol=1e-6, atol=1e-7)
        is_target = any(part in entry.name for part in ("q_proj", "k_proj", "v_proj", "gate", "up_proj", "c_proj"))
        assert torch.equal(base, tuned) is not is_target or entry.name.endswith("o_proj")


def test_a_split_adapter_fits_a_fused_base(adapt, tiny_folder):
    """The tiny Llama's q, k and v stored as one qkv_proj, as Phi-3 stores them."""
    folder, expected = adapt(r=4, lora_alpha=8, target_modules=["q_proj"])
    file = tiny_folder / "model.safetensors"
    state = load_file(file)
    for layer in (0, 1):
        owner = f"model.layers.{layer}.self_attn"
        state[f"{owner}.qkv_proj.weight"] = torch.cat([state.pop(f"{owner}.{each}_proj.weight") for each in "qkv"])
    save_file(state, file)
    config = json.loads((tiny_folder / "config.json").read_text())
    (tiny_folder / "config.json").write_text(json.dumps(config | {"model_type": "phi3"}))
    for entry, _, tuned in Pair(tiny_folder, folder, where="attn").read():
        torch.testing.assert_close(tuned, expected[f"model.{entry.name}.weight"], rtol=1e-6, atol=1e-7)


def test_another_kind_of_adapter_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    edit(folder, peft_type="OSF")
    with pytest.raises(ModelError, match="is a OSF adapter, which is not merged here: merge it with PEFT"):
        Pair(tiny_folder, folder)


@pytest.mark.parametrize(
    "change", [dict(use_qalora=True), dict(target_parameters=["a"]), dict(kasa_config={"beta": 1})], ids=str
)
def test_a_variant_that_does_more_is_refused(change, adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    edit(folder, **change)
    with pytest.raises(ModelError, match=f"is a LoRA with {next(iter(change))}, which is not merged here"):
        Pair(tiny_folder, folder)


@pytest.mark.parametrize("start", ["pissa", "pissa_niter_4", "olora", "lora_ga"])
def test_a_start_that_changes_the_base_is_refused(start, adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    edit(folder, init_lora_weights=start)
    with pytest.raises(ModelError, match=f"was started as {start}, which changes the base too"):
        Pair(tiny_folder, folder)


def rename(folder, old, new):
    file = folder / "adapter_model.safetensors"
    save_file({name.replace(old, new): each for name, each in load_file(file).items()}, file)


def test_a_module_that_the_base_lacks_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    rename(folder, "layers.1.self_attn.q_proj", "layers.9.self_attn.q_proj")
    with pytest.raises(ModelError, match=r"adapts .*layers\.9\.self_attn\.q_proj, which .* does not have: give the base"):
        Pair(tiny_folder, folder)


def test_a_shape_that_does_not_fit_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    rename(folder, "q_proj", "up_proj")
    rename(folder, "self_attn", "mlp")
    with pytest.raises(ModelError, match=r"adapts .*up_proj as a matrix of 64 x 64, which is not its shape"):
        Pair(tiny_folder, folder)


def test_a_replacement_that_does_not_fit_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"], modules_to_save=["o_proj"])
    rename(folder, "self_attn.o_proj", "mlp.up_proj")
    with pytest.raises(
        ModelError, match=r"replaces .*up_proj\.weight by a float32 tensor of shape \(64, 64\), which does not fit"
    ):
        Pair(tiny_folder, folder)


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(r=8), "holds rank 4 for .* where its config says 8"),
        (dict(lora_alpha="x"), "lora_alpha must be a number, not 'x'"),
        (dict(use_dora=True), "lacks lora_magnitude_vector of"),
        (dict(alpha_pattern={"(": 4}), "its alpha_pattern cannot be read"),
        (dict(rank_pattern=[4]), "its rank_pattern cannot be read"),
    ],
    ids=["rank", "alpha", "dora", "pattern", "patterns"],
)
def test_a_damaged_config_is_refused(change, said, adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    edit(folder, **change)
    with pytest.raises(ModelError, match=said):
        Pair(tiny_folder, folder)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_an_unreadable_config_is_refused(content, adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    (folder / "adapter_config.json").write_text(content)
    with pytest.raises(ModelError, match=r"adapter_config\.json is damaged"):
        Pair(tiny_folder, folder)


def test_half_an_adapter_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    rename(folder, "lora_B", "lora_C")
    with pytest.raises(ModelError, match="lacks lora_B of"):
        Pair(tiny_folder, folder)


def test_an_adapter_without_weights_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no adapter_model\.safetensors or adapter_model\.bin"):
        Pair(tiny_folder, folder)


def test_an_adapter_of_nothing_that_is_read_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["lm_head"])
    with pytest.raises(ModelError, match="changes no matrix inside the layers"):
        Pair(tiny_folder, folder)


def test_an_adapter_is_no_base(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    with pytest.raises(ModelError, match="is an adapter: give the model it was trained on as base"):
        Pair(folder, tiny_folder)


def test_a_folder_with_a_model_and_an_adapter_is_refused(adapt, tiny_folder):
    folder, _ = adapt(r=4, target_modules=["q_proj"])
    (tiny_folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds both a model and an adapter"):
        Pair(tiny_folder, tiny_folder)


def test_a_pickled_adapter_is_read(adapt, tiny_folder):
    folder, expected = adapt(r=4, target_modules=["q_proj"])
    file = folder / "adapter_model.safetensors"
    torch.save(load_file(file), folder / "adapter_model.bin")
    file.unlink()
    for entry, _, tuned in Pair(tiny_folder, folder).read():
        assert torch.equal(tuned, expected[f"model.{entry.name}.weight"])
