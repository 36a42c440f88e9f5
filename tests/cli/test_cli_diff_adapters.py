"""`harness diff BASE ADAPTER` as it is typed: what is wrong with an adapter is one sentence, and exit code 2 unless it is a warning."""

import json
import math
from pathlib import Path

import pytest
from harness import cli

UP = "model.layers.{}.mlp.up_proj"


@pytest.fixture
def base(small_model, tmp_path):
    return small_model(tmp_path / "base")


@pytest.fixture
def adapter(tmp_path):
    """adapter(folder, change, **config) writes a LoRA of rank 2 on both up_proj; `change` edits its tensors."""

    def write(folder="adapter", change=lambda tensors: None, **config):
        import torch
        from safetensors.torch import save_file

        draw, path = torch.Generator().manual_seed(0), tmp_path / folder
        path.mkdir(parents=True)
        (path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2} | config))
        tensors = {}
        for layer in (0, 1):
            for part, shape in (("A", (2, 16)), ("B", (24, 2))):
                tensors[f"base_model.model.{UP.format(layer)}.lora_{part}.weight"] = 0.01 * torch.randn(shape, generator=draw)
        change(tensors)
        save_file(tensors, path / "adapter_model.safetensors", metadata={"format": "pt"})
        return path

    return write


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """ask(BASE, ADAPTER, ...) runs the command in this process; gives (exit code, output, errors)."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def run(*arguments):
        code = cli.main(["diff", *map(str, arguments), "--results", str(tmp_path / "results"), "--processes", "1", "--draws", "0"])
        return code, *capsys.readouterr()

    return run


def refused(ask, base, folder, tmp_path):
    """The one sentence with which it ends, nothing written."""
    code, out, err = ask(base, folder)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and not (tmp_path / "results").exists()
    return err


def test_an_adapter_is_a_screen_of_the_matrices(ask, base, adapter):
    code, out, err = ask(base, adapter())
    assert (code, err) == (0, "") and out.startswith("base -> adapter: float32 against float32, 4 matrices\n")
    assert "another base" not in out


def test_an_adapter_of_another_base_is_a_warning(ask, base, adapter, small_model, tmp_path):
    other = small_model(tmp_path / "other", noise=0.5)
    code, out, _ = ask(base, adapter(base_model_name_or_path=other))
    assert code == 0 and " ".join(out.split()).count("is an adapter of another base than") == 1
    assert "another base" not in ask(other, tmp_path / "adapter")[1]


def test_a_step_of_another_base_is_told_once(ask, base, adapter, small_model, tmp_path):
    other = small_model(tmp_path / "other", noise=0.5)
    for step in (1, 2):
        adapter(f"run/checkpoint-{step}", base_model_name_or_path=other)
    code, out, _ = ask(base, "--trajectory", tmp_path / "run")
    assert code == 0 and " ".join(out.split()).count("is an adapter of another base than") == 1


def test_an_adapter_without_weights(ask, base, adapter, tmp_path):
    folder = adapter()
    (folder / "adapter_model.safetensors").unlink()
    said = refused(ask, base, folder, tmp_path)
    assert "has no adapter_model.safetensors or adapter_model.bin: copy the adapter again" in said


def test_an_adapter_cut_short(ask, base, adapter, tmp_path):
    folder = adapter()
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    assert "is not a whole safetensors file" in refused(ask, base, folder, tmp_path)


def test_a_prompt_is_no_update_of_a_matrix(ask, base, adapter, tmp_path):
    said = refused(ask, base, adapter(peft_type="PROMPT_TUNING"), tmp_path)
    assert "is a PROMPT_TUNING adapter, which has no update of a matrix to compare: it trains vectors before the sequence" in said


def test_an_adapter_on_a_quantised_base(ask, base, adapter, tmp_path):
    """QLoRA: the base's config says that it is loaded in four bits."""
    Path(base, "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}))
    said = refused(ask, base, adapter(), tmp_path)
    assert "base is quantised (bitsandbytes)" in said and "dequantise it first" in said and "on a GPU" in said


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e38], ids="factor={}".format)
def test_a_merge_that_is_not_finite_names_its_matrix(value, ask, base, adapter):
    """NaN or infinity in a factor; or factors that are finite and whose product is not."""

    def spoil(tensors):
        for part, place in (("A", (0, 3)), ("B", (2, 0))):
            tensors[f"base_model.model.{UP.format(1)}.lora_{part}.weight"][place] = value

    code, out, err = ask(base, adapter(change=spoil))
    assert code == 2 and "DAMAGED" in out
    assert err == "harness: weights that are not finite, in 1 of the matrices (layers.1.mlp.up_proj): the rows say where\n"


def test_a_tuner_of_another_kind_is_read_too(ask, base, tmp_path):
    """OFT as peft saves it."""
    import warnings

    import torch
    from peft import OFTConfig, get_peft_model
    from torch import nn

    model = nn.Module()
    model.model = nn.Module()
    model.model.layers = nn.ModuleList(nn.ModuleDict({"mlp": nn.ModuleDict({"up_proj": nn.Linear(16, 24, bias=False)})}) for _ in (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = get_peft_model(model, OFTConfig(oft_block_size=4, target_modules=["up_proj"], use_cayley_neumann=False))
        for p in made.parameters():
            if p.requires_grad:
                p.data.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(0))
        made.save_pretrained(tmp_path / "oft")
    code, out, err = ask(base, tmp_path / "oft")
    assert (code, err) == (0, "") and "base -> oft: " in out and "4 matrices" in out
