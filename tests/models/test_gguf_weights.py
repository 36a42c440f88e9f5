import pickle

import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize, quantize

from harness.errors import ModelError
from harness.models import smollm2, tiny
from harness.models.gguf_weights import Gguf
from harness.models.pair import Pair

LLAMA = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
Q8 = GGMLQuantizationType.Q8_0


def permuted(weight, heads):
    """As llama.cpp's converter writes q_proj and k_proj: halves of a head interleaved."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write(file, tensors, architecture="llama", **heads):
    """tensors: name -> (values, quantisation)."""
    writer = GGUFWriter(file, architecture)
    writer.add_embedding_length(64)
    writer.add_head_count(heads.get("queries", 4))
    writer.add_head_count_kv(heads.get("keys", 2))
    for name, (values, kind) in tensors.items():
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def tiny_gguf(tmp_path):
    """The tiny model as llama.cpp would convert it, and what its quantised matrices are worth, in transformers' rows."""
    state = tiny.build(seed=0).model.state_dict()
    tensors, worth = {"token_embd.weight": (state["model.embed_tokens.weight"].numpy(), GGMLQuantizationType.F32)}, {}
    for layer in (0, 1):
        for module, stored in LLAMA.items():
            weight = state[f"model.layers.{layer}.{module}.weight"].numpy()
            kind = GGMLQuantizationType.F16 if module == "mlp.up_proj" else Q8
            heads = {"attn_q": 4, "attn_k": 2}.get(stored)
            worth[f"layers.{layer}.{module}"] = torch.from_numpy(dequantize(quantize(weight, kind), kind).copy())
            tensors[f"blk.{layer}.{stored}.weight"] = (permuted(weight, heads) if heads else weight, kind)
    return write(tmp_path / "tiny.gguf", tensors), worth


def test_a_gguf_is_read_as_base_of_a_folder(tiny_gguf, tiny_folder):
    file, worth = tiny_gguf
    pair = Pair(file, tiny_folder)
    assert pair.unmatched == ((), (), (), ())
    for entry, base, tuned in pair.read():
        assert entry.base_dtype == ("gguf:F16" if "up_proj" in entry.name else "gguf:Q8_0")
        assert torch.equal(base, worth[entry.name]), entry.name
        assert (base - tuned).norm() < 0.01 * tuned.norm()


def test_bytes_are_those_of_the_file(tiny_gguf, tiny_folder):
    file, _ = tiny_gguf
    (entry,) = Pair(file, file, where=r"0\.mlp\.down_proj").entries
    blocks = 64 * 160 // 32
    assert Pair(file, file).bytes_of(entry) == 2 * blocks * (32 + 2)


def test_a_folder_with_one_gguf_is_that_gguf(tiny_gguf):
    file, _ = tiny_gguf
    file.with_name("config.json").write_text("{}")
    assert len(Pair(file.parent, file).entries) == 14


def test_a_folder_with_two_is_ambiguous(tiny_gguf):
    file, _ = tiny_gguf
    file.with_name("other.gguf").write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="has 2 GGUF files: give one of them"):
        Pair(file.parent, file)


def test_rows_stay_in_other_architectures(tmp_path):
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    tensors = {"blk.0.attn_q.weight": (weight.numpy(), GGMLQuantizationType.F32)}
    found = Gguf(write(tmp_path / "a.gguf", tensors, "qwen2")).tensor("layers.0.self_attn.q_proj.weight")
    assert torch.equal(found, weight)


def test_fused_and_stacked_tensors_split(tmp_path):
    generator = torch.Generator().manual_seed(0)
    qkv, gates = torch.randn(128, 64, generator=generator), torch.randn(48, 64, generator=generator)
    f32 = GGMLQuantizationType.F32
    phi = write(
        tmp_path / "phi.gguf",
        {"blk.0.attn_qkv.weight": (qkv.numpy(), f32), "blk.0.ffn_up.weight": (gates.numpy(), f32)},
        "phi3",
    )
    found = {entry.name: base for entry, base, _ in Pair(phi, phi).read()}
    assert torch.equal(found["layers.0.self_attn.k_proj"], qkv[64:96])
    assert torch.equal(found["layers.0.mlp.up_proj"], gates[24:])
    experts = torch.randn(3, 32, 64, generator=generator)
    moe = write(tmp_path / "moe.gguf", {"blk.0.ffn_gate_exps.weight": (experts.numpy(), Q8)}, "qwen3moe")
    entries = {entry.name: base for entry, base, _ in Pair(moe, moe).read()}
    assert list(entries) == [f"layers.0.mlp.experts.{i}.gate_proj" for i in range(3)]
    for expert, values in zip(experts, entries.values(), strict=True):
        assert torch.equal(values, torch.from_numpy(dequantize(quantize(expert.numpy(), Q8), Q8)))


def test_an_architecture_that_is_not_known_is_refused(tmp_path):
    file = write(tmp_path / "a.gguf", {}, "falcon")
    with pytest.raises(
        ModelError, match=r"of architecture falcon, whose order of rows is not known here .* give the safetensors"
    ):
        Pair(file, file)


def test_layers_of_different_heads_are_refused(tmp_path):
    file = write(tmp_path / "a.gguf", {}, "llama", queries=[4, 2])
    with pytest.raises(ModelError, match="has layers of different widths"):
        Pair(file, file)


@pytest.mark.parametrize("kept", [0, 3, 200, 20_000], ids="bytes={}".format)
def test_a_truncated_file_is_refused(kept, tiny_gguf):
    file, _ = tiny_gguf
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelError, match="is not a whole GGUF file"):
        Pair(file, file)


def test_a_file_that_changes_is_refused(tiny_gguf):
    file, _ = tiny_gguf
    pair = Pair(file, file)
    file.write_bytes(file.read_bytes() + b"0")
    with pytest.raises(ModelError, match="changed while it was read"):
        list(pair.read())


def test_it_goes_to_another_process(tiny_gguf):
    file, worth = tiny_gguf
    pair = pickle.loads(pickle.dumps(Pair(file, file, where="0.*q_proj")))
    ((entry, base, _),) = pair.read()
    assert torch.equal(base, worth[entry.name])


@pytest.mark.skipif(not smollm2.folder().is_dir(), reason="SmolLM2 was not converted here")
def test_the_real_one_rounds_to_the_converted_folder():
    """transformers dequantised that folder, and rounded it to bf16 once."""
    file = smollm2._wheel_folder() / smollm2.GGUF
    pair = Pair(file, smollm2.folder(), where=r"^layers\.15\.")
    assert len(pair.entries) == 7
    for entry, base, tuned in pair.read():
        assert (entry.base_dtype, entry.tuned_dtype) == ("gguf:Q4_1", "bfloat16")
        assert torch.equal(base.bfloat16(), tuned), entry.name
