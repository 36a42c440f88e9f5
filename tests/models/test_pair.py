import json
import pickle
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from harness.errors import ModelError
from harness.models.pair import Entry, Pair, Unmatched
from harness.models.quiet import quiet_transformers
from harness.models.weights import matrices

FILE = "model.safetensors"
NOTHING = Unmatched((), (), (), ())


@pytest.fixture
def tuned_folder(tiny_folder, tmp_path):
    """The tiny model with every number changed."""
    return variant(tiny_folder, tmp_path / "tuned", lambda name, each: (name, each + 0.01))


def variant(folder, out, change):
    """A copy of a model folder whose tensors are `change(name, tensor)`: a new name and tensor, or None to drop it."""
    out.mkdir()
    (out / "config.json").write_bytes((folder / "config.json").read_bytes())
    found = (change(name, each) for name, each in load_file(folder / FILE).items())
    save_file({name: each.contiguous() for name, each in filter(None, found)}, out / FILE)
    return out


def values(pair, **options):
    return {entry.name: (base, tuned) for entry, base, tuned in pair.read(**options)}


def edit(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


# what is read


@pytest.mark.parametrize("prefetch", [0, 1, 3, 100])
def test_reads_both_sides_in_order(prefetch, tiny_folder, tuned_folder):
    pair = Pair(tiny_folder, tuned_folder)
    base, tuned = matrices(tiny_folder), matrices(tuned_folder)
    read = list(pair.read(prefetch=prefetch))
    assert [entry for entry, _, _ in read] == list(pair.entries)
    assert [entry.name for entry in pair.entries] == list(base)
    assert all(torch.equal(w0, base[entry.name]) and torch.equal(w1, tuned[entry.name]) for entry, w0, w1 in read)
    assert pair.unmatched == NOTHING


def test_an_entry_says_what_it_is(tiny_folder, tuned_folder):
    entry = Pair(tiny_folder, tuned_folder).entries[0]
    assert entry == Entry("layers.0.mlp.down_proj", 0, "mlp.down_proj", (64, 160), "float32", "float32")


def test_some_entries_are_read_in_the_order_asked(tiny_folder, tuned_folder):
    pair = Pair(tiny_folder, tuned_folder)
    wanted = [pair.entries[5], pair.entries[2]]
    assert list(values(pair, entries=wanted)) == [entry.name for entry in wanted]


def test_dtypes_are_as_stored_on_each_side(tiny_folder, tmp_path):
    half = variant(tiny_folder, tmp_path / "half", lambda name, each: (name, each.bfloat16()))
    pair = Pair(tiny_folder, half)
    assert {(entry.base_dtype, entry.tuned_dtype) for entry in pair.entries} == {("float32", "bfloat16")}
    assert all(base.dtype == torch.float32 and tuned.dtype == torch.bfloat16 for _, base, tuned in pair.read())
    numbers = sum(entry.shape[0] * entry.shape[1] for entry in pair.entries)
    assert pair.bytes == numbers * 6 == sum(map(pair.bytes_of, pair.entries))


def test_writing_to_a_matrix_changes_nothing_else(tiny_folder):
    pair = Pair(tiny_folder, tiny_folder)
    before = {name: base.clone() for name, (base, _) in values(pair).items()}
    for _, base, tuned in pair.read():
        base.zero_()
        assert tuned.abs().sum() > 0
    assert all(torch.equal(base, before[name]) for name, (base, _) in values(pair).items())


def test_a_reader_that_stops_early_leaves_no_thread(tiny_folder):
    reading = Pair(tiny_folder, tiny_folder).read()
    next(reading)
    reading.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("pair")]


def test_what_reading_raises_reaches_the_caller(tiny_folder, tuned_folder):
    pair = Pair(tiny_folder, tuned_folder)
    save_file(load_file(tuned_folder / FILE), tuned_folder / FILE)
    with pytest.raises(ModelError, match=r"changed while it was read: wait until whatever writes it has ended"):
        list(pair.read())


def test_it_goes_to_another_process(tiny_folder, tuned_folder):
    pair = Pair(tiny_folder, tuned_folder)
    copy = pickle.loads(pickle.dumps(pair))
    assert copy.entries == pair.entries
    assert all(torch.equal(base, values(pair)[name][0]) for name, (base, _) in values(copy).items())


# what matches


def test_what_is_left_out_is_counted(tiny_folder, tuned_folder):
    assert Pair(tiny_folder, tuned_folder).left_out == {"embeddings": 2, "norms": 5}


def test_another_vocabulary_is_no_mismatch(tiny_folder, tmp_path):
    def grow(name, each):
        return name, torch.cat([each, each]) if each.shape[0] == 64 and ("embed" in name or "head" in name) else each

    assert Pair(tiny_folder, variant(tiny_folder, tmp_path / "grown", grow)).unmatched == NOTHING


def test_what_does_not_match_is_named(tiny_folder, tmp_path):
    def change(name, each):
        if "layers.0.mlp.up_proj" in name:
            return name, each[:-1]
        if "layers.1.mlp.up_proj" in name:
            return name.replace("up_proj", "other_proj"), each
        return name, each

    pair = Pair(tiny_folder, variant(tiny_folder, tmp_path / "other", change))
    assert pair.unmatched == Unmatched(("layers.1.mlp.up_proj",), ("layers.1.mlp.other_proj",), ("layers.0.mlp.up_proj",), ())
    assert len(pair.entries) == 12


@pytest.mark.parametrize("prefix", ["base_model.model.", "_orig_mod.", "module.", "language_model.", "bert."])
def test_another_prefix_is_no_mismatch(prefix, tiny_folder, tmp_path):
    wrapped = variant(tiny_folder, tmp_path / "wrapped", lambda name, each: (prefix + name, each))
    pair = Pair(tiny_folder, wrapped)
    assert pair.unmatched == NOTHING
    assert pair.entries == Pair(tiny_folder, tiny_folder).entries


def test_tied_matrices_are_counted_once(tmp_path):
    shared = torch.randn(8, 8)
    state = {f"layers.{i}.mlp.up_proj.weight": shared for i in range(3)} | {"layers.0.mlp.down_proj.weight": torch.randn(8, 8)}
    torch.save(state, tmp_path / "tied.pt")
    torch.save({name: each.clone() for name, each in state.items()}, tmp_path / "untied.pt")
    pair = Pair(tmp_path / "tied.pt", tmp_path / "tied.pt")
    assert [entry.name for entry in pair.entries] == ["layers.0.mlp.down_proj", "layers.0.mlp.up_proj"]
    assert pair.unmatched.tied == ("layers.1.mlp.up_proj", "layers.2.mlp.up_proj")
    assert len(Pair(tmp_path / "tied.pt", tmp_path / "untied.pt").entries) == 4


def build(kind, **size):
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    torch.manual_seed(0)
    common = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, vocab_size=32)
    config = AutoConfig.for_model(kind, **(common | size))
    with quiet_transformers():
        return (AutoModel if kind in ("bert", "t5") else AutoModelForCausalLM).from_config(config)


def save(model, folder):
    with quiet_transformers():
        model.save_pretrained(folder)
    return folder


def save_as_is(model, folder):
    """Under the names and in the shapes that the model has in memory, which save_pretrained may undo."""
    folder.mkdir()
    save_file(dict(model.state_dict()), folder / FILE)
    model.config.save_pretrained(folder)
    return folder


def test_a_fused_side_matches_a_split_one(tmp_path):
    """Phi-3 against the same weights under Llama's names."""
    fused = save(build("phi3", num_key_value_heads=2, pad_token_id=0), tmp_path / "fused")
    state = load_file(fused / FILE)
    for layer in (0, 1):
        qkv = state.pop(f"model.layers.{layer}.self_attn.qkv_proj.weight")
        gates = state.pop(f"model.layers.{layer}.mlp.gate_up_proj.weight")
        for name, part in zip("qkv", qkv.split([16, 8, 8]), strict=True):
            state[f"model.layers.{layer}.self_attn.{name}_proj.weight"] = part.contiguous()
        for name, part in zip(("gate", "up"), gates.chunk(2), strict=True):
            state[f"model.layers.{layer}.mlp.{name}_proj.weight"] = part.contiguous()
    save_file(state, tmp_path / "split.safetensors")
    pair = Pair(fused, tmp_path / "split.safetensors")
    assert pair.unmatched == NOTHING
    assert len(pair.entries) == 14
    assert all(torch.equal(*both) for both in values(pair).values())


@pytest.mark.parametrize("kind", ["mixtral", "qwen3_moe"])
def test_stacked_experts_match_one_tensor_each(kind, tmp_path):
    """transformers stacks experts in memory and saves them one by one."""
    sizes = dict(
        num_local_experts=3, num_experts=3, num_experts_per_tok=1, moe_intermediate_size=24, num_key_value_heads=2, head_dim=4
    )
    model = build(kind, num_hidden_layers=1, **sizes)
    pair = Pair(save(model, tmp_path / "each"), save_as_is(model, tmp_path / "stacked"))
    assert len(load_file(tmp_path / "each" / FILE)) > len(load_file(tmp_path / "stacked" / FILE))
    assert pair.unmatched == NOTHING
    assert all(torch.equal(*both) for both in values(pair).values())
    (entry,) = [each for each in pair.entries if each.name == "layers.0.mlp.experts.2.up_proj"]
    assert (entry.layer, entry.module, entry.shape) == (0, "mlp.experts.up_proj", (24, 16))
    stack = model.model.layers[0].mlp.experts.gate_up_proj.detach()
    assert torch.equal(values(pair)[entry.name][0], stack[2, 24:])


def test_an_encoder_is_read(tmp_path):
    from transformers import BertForMaskedLM

    model = build("bert")
    pair = Pair(save(model, tmp_path / "plain"), save(BertForMaskedLM(model.config), tmp_path / "masked"))
    assert len(pair.entries) == 2 * 6
    assert pair.unmatched == NOTHING
    first = pair.entries[0]
    assert (first.name, first.module) == ("layers.0.attention.output.dense", "attention.output.dense")
    weight = model.encoder.layer[0].attention.output.dense.weight
    assert torch.equal(values(pair)[first.name][0], weight)


def test_two_stacks_keep_their_names(tmp_path):
    model = build("t5", d_model=16, d_ff=24, d_kv=4, num_heads=4, num_layers=1)
    pair = Pair(save(model, tmp_path / "t5"), tmp_path / "t5")
    names = {entry.name: entry.module for entry in pair.entries}
    assert names["encoder.layers.0.layer.0.SelfAttention.q"] == "encoder.layer.0.SelfAttention.q"
    assert "decoder.layers.0.layer.1.EncDecAttention.q" in names
    assert pair.left_out["embeddings"] >= 3


# lone files


def graph_network(**other):
    """As chgnet's checkpoints are made: a state among an optimiser's and a history."""
    generator = torch.Generator().manual_seed(0)
    state = {
        "bond.mlp.layers.0.weight": torch.randn(64, 31, generator=generator),
        "bond.mlp.layers.3.weight": torch.randn(9, 64, generator=generator),
        "site.weight": torch.randn(1, 64, generator=generator),
        "site.bias": torch.randn(1, generator=generator),
        "count": torch.ones(8, 8, dtype=torch.int64),
    }
    model = {"state_dict": state | other, "model_args": {"layers": 4}}
    return {"model": model, "optimizer": {"state": {0: {"exp_avg": torch.ones(9, 9)}}}, "history": [1.0, None]}


def test_a_state_inside_a_training_checkpoint_is_read(tmp_path):
    content = graph_network()
    torch.save(content, tmp_path / "base.pth.tar")
    torch.save(graph_network(**{"bond.mlp.layers.0.weight": torch.zeros(64, 31)}), tmp_path / "tuned.pth.tar")
    pair = Pair(tmp_path / "base.pth.tar", tmp_path / "tuned.pth.tar")
    assert [(entry.name, entry.layer, entry.module) for entry in pair.entries] == [
        ("bond.mlp.layers.0", -1, "bond.mlp.layers.0"),
        ("bond.mlp.layers.3", -1, "bond.mlp.layers.3"),
    ]
    base, tuned = values(pair)["bond.mlp.layers.0"]
    assert torch.equal(base, content["model"]["state_dict"]["bond.mlp.layers.0.weight"])
    assert not tuned.any()


def test_a_lone_file_is_laid_out_by_the_other_sides_config(tmp_path):
    model = build("gpt_neox")
    folder = save(model, tmp_path / "model")
    torch.save({"_orig_mod." + name: each for name, each in model.state_dict().items()}, tmp_path / "state.pt")
    pair = Pair(tmp_path / "state.pt", folder)
    assert pair.unmatched == NOTHING
    assert "layers.1.attention.q_proj" in {entry.name for entry in pair.entries}


# bad input


@pytest.mark.parametrize(
    "where, said",
    [
        ("nothing", r"'nothing' selects none of 14 matrices: they are called layers\.0\.mlp\.down_proj"),
        ("(", "is no regular expression"),
    ],
    ids=["none", "damaged"],
)
def test_a_bad_where_is_refused(where, said, tiny_folder):
    with pytest.raises(ModelError, match=said):
        Pair(tiny_folder, tiny_folder, where=where)


def test_where_is_searched_in_names(tiny_folder):
    pair = Pair(tiny_folder, tiny_folder, where="layers.1?.mlp")
    assert {entry.module.split(".")[0] for entry in pair.entries} == {"mlp"}


def test_nothing_in_common_is_refused(tiny_folder, tmp_path):
    other = save(build("gpt2"), tmp_path / "gpt2")
    with pytest.raises(ModelError, match=r"have no matrix in common \(such as layers\.0\.mlp\.down_proj and "):
        Pair(tiny_folder, other)


def test_another_size_is_refused(tiny_folder, tmp_path):
    other = save(build("llama", num_key_value_heads=2), tmp_path / "llama")
    with pytest.raises(
        ModelError, match=r"share no matrix of equal shape \(layers\.0\.mlp\.down_proj is 64 x 160 and 16 x 24\)"
    ):
        Pair(tiny_folder, other)


@pytest.mark.parametrize("name", ["weights.onnx", "config.json", "notes"])
def test_a_file_of_another_kind_is_refused(name, tiny_folder, tmp_path):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ModelError, match="is a file of another kind: give a model folder"):
        Pair(tiny_folder, tmp_path / name)


def test_a_path_that_is_not_there_is_refused(tiny_folder, tmp_path):
    with pytest.raises(ModelError, match="nothing does not exist"):
        Pair(tiny_folder, tmp_path / "nothing")


def test_a_quantised_model_is_refused(tiny_folder, tmp_path):
    packed = variant(tiny_folder, tmp_path / "packed", lambda name, each: (name, each.to(torch.uint8)))
    with pytest.raises(
        ModelError, match=r"is stored as U8, which is no weight dtype that can be read .* before it was quantised"
    ):
        Pair(tiny_folder, packed)


def test_an_unmerged_adapter_is_refused(tiny_folder, tmp_path):
    def wrap(name, each):
        return (name.replace("q_proj", "q_proj.lora_A.default"), each)

    with pytest.raises(ModelError, match="holds an adapter that is not merged"):
        Pair(tiny_folder, variant(tiny_folder, tmp_path / "peft", wrap))


def test_a_model_without_matrices_is_refused(tiny_folder, tmp_path):
    save_file({"norm.weight": torch.ones(8)}, tmp_path / "norm.safetensors")
    with pytest.raises(ModelError, match=r"holds no matrix: its tensors are norm\.weight"):
        Pair(tiny_folder, tmp_path / "norm.safetensors")


def test_remote_code_is_not_run(tiny_folder, tmp_path):
    (tiny_folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    edit(
        tiny_folder,
        auto_map={"AutoModelForCausalLM": "modeling_evil.Evil", "AutoConfig": "modeling_evil.Evil"},
        model_type="evil",
    )
    assert len(values(Pair(tiny_folder, tiny_folder))) == 14
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000], ids=["cut", "list", "deep"])
def test_a_damaged_config_is_refused(content, tiny_folder):
    (tiny_folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=r"config\.json is damaged"):
        Pair(tiny_folder, tiny_folder)


def test_a_config_of_nonsense_changes_nothing(tiny_folder):
    edit(tiny_folder, model_type=["phi3"], num_attention_heads="many", text_config=3, quantization_config=[1])
    assert len(Pair(tiny_folder, tiny_folder).entries) == 14


def test_a_config_of_another_model_is_refused(tmp_path):
    folder = save(build("phi3", num_key_value_heads=2, pad_token_id=0), tmp_path / "phi3")
    edit(folder, num_attention_heads=2, num_key_value_heads=2)
    with pytest.raises(ModelError, match=r"has 32 rows where config\.json asks for 48"):
        Pair(folder, folder)


def test_one_side_alone_is_what_both_give(tiny_folder, tuned_folder):
    pair = Pair(tiny_folder, tuned_folder)
    for entry, base, tuned in pair.read():
        assert torch.equal(pair.base(entry), base) and torch.equal(pair.tuned(entry), tuned)
