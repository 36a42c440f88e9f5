"""Truth: PEFT's own merge_and_unload, for every tuner whose folders are read through PEFT's layers."""

import json
import pickle
import warnings

import pytest
import torch
from harness.errors import ModelError
from harness.models.adapters import TUNERS, Adaptation
from harness.models.pair import Pair
from harness.models.peft_layers import PREFIXES
from harness.models.quiet import quiet_transformers
from safetensors.torch import load_file, save_file

KINDS = {
    "adalora": "ADALORA", "boft": "BOFT", "c3a": "C3A", "coft": "OFT", "deft": "DEFT", "delora": "DELORA", "fourierft": "FOURIERFT",
    "glora": "GLORA", "gralora": "GRALORA", "hira": "HIRA", "hra": "HRA", "ia3": "IA3", "loha": "LOHA", "lokr": "LOKR", "miss": "MISS",
    "miss_bat": "MISS", "oft": "OFT", "oft_neumann": "OFT", "peanut": "PEANUT", "pvera": "PVERA", "randlora": "RANDLORA",
    "road": "ROAD", "shira": "SHIRA", "supertuning_top": "SUPERTUNING", "vblora": "VBLORA", "vera": "VERA",
    "waveft": "WAVEFT",
}  # fmt: skip
"""Rows of TUNERS with the peft_type that their folders have."""


@pytest.fixture
def saved(tiny_folder, tmp_path):
    """saved(tuner, folder=...) puts a tuner on the model of a folder, moves it, saves it; gives folder and PEFT's merged weights."""

    def make(tuner, base=tiny_folder, **how):
        from harness.models.tuners import adapt
        from transformers import AutoModelForCausalLM

        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        adapted = adapt(model, Adaptation(tuner, **how), seed=3)
        draw = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for p in adapted.trainable().values():
                p.add_(0.05 * torch.randn(p.shape, generator=draw))
        folder = tmp_path / tuner
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adapted.wrapper.save_pretrained(folder)
            merged = {name: each.clone() for name, each in adapted.wrapper.merge_and_unload().state_dict().items()}
        return folder, merged

    return make


def edit(folder, **changes):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def spoil(folder, change):
    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def test_every_kind_that_is_read_has_a_case():
    assert set(KINDS.values()) == set(PREFIXES)


@pytest.mark.parametrize("tuner", KINDS)
def test_what_is_read_is_what_peft_merges(tuner, saved, tiny_folder):
    folder, expected = saved(tuner)
    assert json.loads((folder / "adapter_config.json").read_text())["peft_type"] == KINDS[tuner]
    torch.manual_seed(99)  # what was drawn is in the folder, or is drawn again by the config's own seed
    pair = Pair(tiny_folder, folder)
    for entry, base, tuned in pair.read():
        torch.testing.assert_close(tuned, expected[f"model.{entry.name}.weight"], rtol=1e-5, atol=2e-6)
        assert not torch.equal(base, tuned) and entry.tuned_dtype == "float32" and tuned.is_contiguous()
    assert len(pair.entries) == 14 and pair.bytes > 2 * sum(4 * e.shape[0] * e.shape[1] for e in pair.entries)


def test_only_adapted_matrices_change_and_a_module_trained_whole_is_replaced(saved, tiny_folder):
    folder, expected = saved("oft", targets=("q_proj",))
    whole = torch.ones(64, 64)
    spoil(folder, lambda state: state | {"base_model.model.model.layers.1.self_attn.o_proj.weight": whole})
    found = {entry.name: (base, tuned) for entry, base, tuned in Pair(tiny_folder, folder).read()}
    moved = {name for name, (base, tuned) in found.items() if not torch.equal(base, tuned)}
    assert moved == {"layers.0.self_attn.q_proj", "layers.1.self_attn.q_proj", "layers.1.self_attn.o_proj"}
    assert torch.equal(found["layers.1.self_attn.o_proj"][1], whole)


def test_wide_matrices_are_multiplied_in_chunks(saved, tiny_folder, monkeypatch):
    from harness.models import peft_layers

    folder, expected = saved("lokr")
    monkeypatch.setattr(peft_layers, "CHUNK", 1000)
    for entry, _, tuned in Pair(tiny_folder, folder).read():
        torch.testing.assert_close(tuned, expected[f"model.{entry.name}.weight"], rtol=1e-5, atol=2e-6)


def test_the_global_generator_is_left_alone_and_no_base_is_held(saved, tiny_folder):
    folder, _ = saved("vera")
    before = torch.get_rng_state()
    pair = Pair(tiny_folder, folder)
    [*pair.read()]
    assert torch.equal(torch.get_rng_state(), before)
    layer = pair._tuned._layers._skeleton.get_submodule("model.layers.0.self_attn.q_proj")
    assert layer.base_layer.weight.untyped_storage().nbytes() == 4


def test_a_pair_goes_to_another_process(saved, tiny_folder):
    folder, _ = saved("loha")
    pair = Pair(tiny_folder, folder)
    again = pickle.loads(pickle.dumps(pair))
    assert len(pickle.dumps(pair)) < 10**5
    assert all(torch.equal(a, b) for (_, _, a), (_, _, b) in zip(pair.read(), again.read(), strict=True))


def test_a_bf16_base_is_read_in_fp32_and_fp64_stays(saved, tiny_folder):
    folder, _ = saved("oft", targets=("q_proj",))
    file = tiny_folder / "model.safetensors"
    for dtype, name in ((torch.bfloat16, "float32"), (torch.float64, "float64")):
        save_file({key: each.to(dtype) for key, each in load_file(file).items()}, file, metadata={"format": "pt"})
        [(entry, base, tuned)] = Pair(tiny_folder, folder, where="0.*q_proj").read()
        assert (base.dtype, entry.tuned_dtype, str(tuned.dtype)) == (dtype, name, f"torch.{name}")
        values = [torch.linalg.svdvals(each.double()) for each in (base, tuned)]
        torch.testing.assert_close(*values, rtol=1e-5, atol=1e-6)  # a rotation keeps them


@pytest.mark.parametrize(
    "kind, size, target", [("phi3", dict(num_key_value_heads=2, pad_token_id=0), "qkv_proj"), ("gpt2", dict(n_inner=24), "c_attn")]
)
def test_a_fused_module_is_computed_whole_and_cut(kind, size, target, tmp_path):
    """LoKr on qkv as one matrix, and on GPT-2's, which is stored (in, out)."""
    from peft import LoKrConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    shape = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4, vocab_size=32)
    with quiet_transformers():
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape, **size))
        model.save_pretrained(tmp_path / "base")
    if kind == "gpt2":  # peft's LoKr takes no Conv1D: the same layer as a linear one
        fused = torch.nn.Linear(16, 48, bias=False)
        fused.weight.data = model.transformer.h[0].attn.c_attn.weight.data.T.contiguous()
        model.transformer.h[0].attn.c_attn = fused
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = get_peft_model(model, LoKrConfig(r=2, alpha=4, target_modules=[target]))
        draw = torch.Generator().manual_seed(1)
        for p in found.parameters():
            if p.requires_grad:
                p.data += 0.1 * torch.randn(p.shape, generator=draw)
        found.save_pretrained(tmp_path / "adapter")
        merged = found.merge_and_unload().state_dict()
    whole = next(each for name, each in merged.items() if f"{target}.weight" in name)
    parts = {e.name.rpartition(".")[2]: tuned for e, _, tuned in Pair(tmp_path / "base", tmp_path / "adapter", where="[qkv]_proj").read()}
    torch.testing.assert_close(torch.cat([parts[f"{each}_proj"] for each in "qkv"]), whole, rtol=1e-5, atol=2e-6)


# bad input


def without(part):
    return lambda state: {name: each for name, each in state.items() if part not in name}


@pytest.mark.parametrize(
    ("tuner", "part", "says"),
    [
        ("lokr", "layers.0.self_attn.q_proj.lokr_w1", "do not agree on .*layers.0.self_attn.q_proj.lokr_w1"),
        ("vera", "q_proj.vera_lambda_b", "do not agree on .*q_proj.vera_lambda_b"),
        ("vera", "base_model.vera_A", "cannot be read by peft .*vera_A"),
        ("vblora", "vector_bank", "do not agree on .*vector_bank"),
    ],
)
def test_a_tensor_that_is_missing_is_named(tuner, part, says, saved, tiny_folder):
    folder, _ = saved(tuner)
    spoil(folder, without(part))
    with pytest.raises(ModelError, match=says):
        Pair(tiny_folder, folder)


def test_an_adapter_of_another_size_is_one_sentence(saved, tiny_folder):
    folder, _ = saved("oft", targets=("down_proj",))
    spoil(folder, lambda state: {name.replace("mlp.down_proj", "self_attn.q_proj"): each for name, each in state.items()})
    with pytest.raises(ModelError, match="cannot be read by peft .*size mismatch") as refused:
        Pair(tiny_folder, folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("changes", [{"r": "x"}, {"r": 8, "oft_block_size": 16}, {"oft_block_size": 7, "r": 0}], ids=str)
def test_a_config_that_peft_refuses_is_one_sentence(changes, saved, tiny_folder):
    folder, _ = saved("oft")
    edit(folder, **changes)
    with pytest.raises(ModelError, match="cannot be read by peft") as refused:
        Pair(tiny_folder, folder)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["TINYLORA", "PSOFT", "OSF", "FROD", "ADAMSS", "UNILORA", "NEW"])
def test_a_kind_that_is_not_read_is_one_sentence(kind, saved, tiny_folder):
    folder, _ = saved("lora")
    edit(folder, peft_type=kind)
    with pytest.raises(ModelError, match=f"is a {kind} adapter, which is not merged here: merge it with PEFT"):
        Pair(tiny_folder, folder)


@pytest.mark.parametrize(
    "kind",
    ["PROMPT_TUNING", "PREFIX_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "CPT", "CARTRIDGE", "ADAPTION_PROMPT", "POLY", "XLORA"],
)
def test_a_folder_without_an_update_of_a_matrix_says_why(kind, saved, tiny_folder):
    folder, _ = saved("lora")
    edit(folder, peft_type=kind)
    why = TUNERS["xlora" if kind in ("POLY", "XLORA") else "prompt_tuning"].why
    with pytest.raises(ModelError, match=f"is a {kind} adapter, which has no update of a matrix to compare: {why}"):
        Pair(tiny_folder, folder)


def test_a_module_that_the_base_lacks_is_refused(saved, tiny_folder):
    folder, _ = saved("lokr")
    spoil(folder, lambda state: {name.replace("layers.1.", "layers.9."): each for name, each in state.items()})
    with pytest.raises(ModelError, match=r"adapts .*layers\.9\..*, which .* does not have: give the base"):
        Pair(tiny_folder, folder)
