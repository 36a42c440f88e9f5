"""Merging folders: the result is what merging in memory gives, transformers loads it, and what is wrong is one sentence."""

import errno
import json
import os
import shutil

import pytest
import torch
from harness.engine.merge_folders import Asked, merge_folders
from harness.errors import ModelError, SpecError
from harness.merging import RULES, merge
from harness.models import shards
from pytest import mark, raises
from safetensors.torch import load_file, save_file

NAME = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def folders(small_model, tmp_path):
    """A base and two experts, four small matrices each, an embedding and a norm."""
    return [small_model(tmp_path / "base"), *(small_model(tmp_path / f"e{s}", noise=0.1, seed=s) for s in (1, 2))]


@pytest.fixture
def run(folders, tmp_path):
    def do(method="mean", *, base=folders[0], experts=tuple(folders[1:]), out="out", **fields):
        return merge_folders(Asked(method, str(base), tuple(map(str, experts)), str(tmp_path / out), **fields))

    return do


def states(folders):
    return [load_file(f"{folder}/model.safetensors") for folder in folders]


def spoil(folder, change):
    """Write the folder's tensors anew after change(tensors)."""
    tensors = load_file(f"{folder}/model.safetensors")
    change(tensors)
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})


def partials(tmp_path):
    return [each.name for each in tmp_path.iterdir() if "partial" in each.name or each.name == "out"]


@pytest.fixture
def extras(folders, tmp_path):
    """extras(rule) writes a file for each expert, as the rule needs it."""

    def build(rule):
        if rule.extras is None:
            return {}
        files = []
        for at, state in enumerate(states(folders)[1:]):
            draw = torch.Generator().manual_seed(at)
            rows = {name: torch.randn(40, w.shape[1], generator=draw) for name, w in state.items() if w.ndim == 2}
            own = {n: x.T @ x for n, x in rows.items()} if rule.may_lack else {n: w.square() + 0.1 for n, w in state.items()}
            save_file(own, tmp_path / f"extra{at}.safetensors")
            files.append(str(tmp_path / f"extra{at}.safetensors"))
        return {"extras": tuple(files)}

    return build


@mark.parametrize("method", sorted(RULES))
def test_folders_give_what_memory_gives(method, run, folders, extras, tmp_path):
    fields = extras(RULES[method])
    done = run(method, **fields)
    base, *experts = states(folders)
    own = [load_file(file) for file in fields.get("extras", ())] or None
    wanted = merge(method, base, experts, extras=own)
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert list(found) == list(base) and all(torch.equal(found[name], w) for name, w in wanted.items())
    assert done.tensors == len(base) and done.bytes_written == sum(w.nbytes for w in base.values()) and not done.notes


@mark.parametrize("method", ["ties", "ota"])
def test_a_models_threshold_is_found_over_shards(method, run, folders, extras, tmp_path):
    options = {"scope": "model", **({"mask": 0.3} if method == "ota" else {"density": 0.3})}
    fields = extras(RULES[method])
    run(method, options={name: str(value) for name, value in options.items()}, **fields)
    base, *experts = states(folders)
    wanted = merge(method, base, experts, extras=[load_file(f) for f in fields.get("extras", ())] or None, **options)
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(found[name], w) for name, w in wanted.items())


def test_where_and_seed(run, folders, tmp_path):
    run("iso", where="mlp", out="a")
    run("dare", seed=5, out="b")
    base, *experts = states(folders)
    for out, wanted in (("a", merge("iso", base, experts, where="mlp")), ("b", merge("dare", base, experts, seed=5))):
        found = load_file(tmp_path / out / "model.safetensors")
        assert all(torch.equal(found[name], w) for name, w in wanted.items())


def test_beside_the_weights(run, folders, tmp_path):
    """Config and tokenizer are the base's; no weights, trainer's state or card of it."""
    base = tmp_path / "base"
    for name in ("tokenizer.json", "chat_template.jinja", "README.md", "trainer_state.json", "optimizer.pt", "extra.bin"):
        (base / name).write_text("{}")
    (base / "checkpoint-1").mkdir()
    run("ties", options={"density": ".5", "lam": ".3"})
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "chat_template.jinja", "config.json", "harness_merge.json", "model.safetensors", "tokenizer.json"]  # fmt: skip
    record = json.loads((tmp_path / "out" / "harness_merge.json").read_text())
    assert record["options"] == {"density": 0.5, "lam": 0.3, "scope": "tensor"} and record["experts"] == folders[1:]


def test_shards_in_and_out(run, folders, tmp_path, monkeypatch):
    """A sharded expert, and a result that is cut into shards."""
    state = load_file(f"{folders[1]}/model.safetensors")
    names = sorted(state)
    parts = {"model-00001-of-00002.safetensors": names[:2], "model-00002-of-00002.safetensors": names[2:]}
    os.remove(f"{folders[1]}/model.safetensors")
    for file, inside in parts.items():
        save_file({name: state[name] for name in inside}, f"{folders[1]}/{file}")
    index = {"weight_map": {name: file for file, inside in parts.items() for name in inside}}
    (tmp_path / "e1" / shards.INDEX).write_text(json.dumps(index))
    run("mean", out="whole")
    write = shards.ShardWriter
    monkeypatch.setattr(shards, "ShardWriter", lambda folder, planned: write(folder, planned, 2000))
    run("mean")
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(files) > 1 and (tmp_path / "out" / shards.INDEX).is_file()
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    assert all(torch.equal(whole[name], w) for file in files for name, w in load_file(file).items())


@mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_is_the_bases(dtype, small_model, run, tmp_path):
    base = small_model(tmp_path / "half", dtype=dtype)
    run("mean", base=base)
    found, stored = (load_file(f"{folder}/model.safetensors") for folder in (tmp_path / "out", base))
    assert {n: w.dtype for n, w in found.items()} == {n: w.dtype for n, w in stored.items()}
    assert str(found[NAME].dtype) == f"torch.{dtype}"


def test_tables_of_positions_are_the_bases(run, folders, tmp_path):
    for at, folder in enumerate(folders):
        spoil(folder, lambda tensors, at=at: tensors.update(position_ids=torch.arange(4) + at))
    run("mean")
    assert load_file(tmp_path / "out" / "model.safetensors")["position_ids"].tolist() == [0, 1, 2, 3]


def test_transformers_loads_the_result(tmp_path, run):
    """A tiny Llama with tied embeddings: logits of the mean of equal experts are the expert's."""
    from harness.models import tiny
    from harness.models.quiet import quiet_transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    for at in range(2):
        model, tokenizer = tiny.build(seed=at)
        model.config.tie_word_embeddings = True
        model.tie_weights()
        with quiet_transformers():
            model.save_pretrained(tmp_path / f"m{at}")
        tokenizer.save_pretrained(tmp_path / f"m{at}")
    done = run("iso", base=tmp_path / "m0", experts=[tmp_path / "m1", tmp_path / "m1"], options={"keep": "1.0"})
    assert "identical" in done.notes[0]
    run("mean", base=tmp_path / "m0", experts=[tmp_path / "m1", tmp_path / "m1"], out="mean")
    prompt = tokenizer("1+2=", return_tensors="pt")
    with quiet_transformers(), torch.no_grad():
        merged, expert = (AutoModelForCausalLM.from_pretrained(tmp_path / name) for name in ("mean", "m1"))
        assert torch.allclose(merged(**prompt).logits, expert(**prompt).logits, atol=1e-5)
        assert merged.lm_head.weight is merged.model.embed_tokens.weight
        assert AutoModelForCausalLM.from_pretrained(tmp_path / "out")(**prompt).logits.isfinite().all()
    assert AutoTokenizer.from_pretrained(tmp_path / "out")("1+2=").input_ids == prompt.input_ids[0].tolist()


# tied embeddings


def tie(folder, head=None, tied=True):
    spoil(folder, lambda tensors: tensors.update({"lm_head.weight": head}) if head is not None else None)
    with open(f"{folder}/config.json", "w") as file:
        json.dump({"tie_word_embeddings": tied}, file)


def test_a_stored_copy_of_the_embeddings_is_left_out(run, folders, tmp_path):
    for folder in folders:
        tie(folder)
    tie(folders[1], head=load_file(f"{folders[1]}/model.safetensors")["model.embed_tokens.weight"].clone())
    run("dare")
    assert "lm_head.weight" not in load_file(tmp_path / "out" / "model.safetensors")


def test_a_head_that_is_not_the_embeddings_is_refused(run, folders):
    tie(folders[1], head=torch.full((32, 16), 3.0))
    with raises(ModelError, match="says that its head is tied, and holds one that is not its embeddings"):
        run("mean")


def test_tied_and_untied_are_no_pair(run, folders):
    for folder in folders:
        tie(folder)
    tie(folders[1], head=torch.full((32, 16), 3.0), tied=False)
    with raises(ModelError, match="lm_head.weight is in .*e1 and not in .*base: one ties its head and the other does not"):
        run("mean")


# bad input


@mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop(NAME), "up_proj.weight is in .*base and not in .*e2: merge models of one architecture"),
        (lambda t: t.update(more=torch.ones(2), most=torch.ones(2)), "more and 1 more is in .*e2 and not in .*base"),
        (lambda t: t.update({NAME: t[NAME].T.contiguous()}), "up_proj.weight is 16 x 24 in .*e2 and 24 x 16 in .*base"),
        (lambda t: t[NAME][0].fill_(float("nan")), "up_proj.weight of .*e2 holds 16 entries that are not finite"),
        (lambda t: t.update({NAME: t[NAME].to(torch.float8_e4m3fn)}), "is stored as float8_e4m3fn: give the model before"),
    ],
    ids=["missing", "more", "shape", "nan", "fp8"],
)
def test_an_expert_of_another_kind_is_one_sentence(change, says, run, folders, tmp_path):
    spoil(folders[2], change)
    with raises(ModelError, match=says) as error:
        run("mean")
    assert "\n" not in str(error.value) and not partials(tmp_path)


def test_a_nan_is_found_in_the_first_pass_too(run, folders, tmp_path):
    spoil(folders[2], lambda t: t[NAME][0].fill_(float("nan")))
    with raises(ModelError, match="holds 16 entries that are not finite"):
        run("ties", options={"scope": "model"})


def test_the_output_is_not_written_over(run, tmp_path):
    (tmp_path / "out").mkdir()
    with raises(ModelError, match="out exists already: give a new name with --out"):
        run("mean")
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_leaves_nothing(run, tmp_path, monkeypatch):
    add, calls = shards.ShardWriter.add, []

    def full(self, name, tensor):
        calls.append(name)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, name, tensor)

    monkeypatch.setattr(shards.ShardWriter, "add", full)
    with raises(ModelError, match="the disk of .*out is full: free some space"):
        run("mean")
    assert len(calls) == 3 and not partials(tmp_path)


def test_too_little_room_is_said_before_reading(run, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with raises(ModelError, match="out needs 0.0 GB, and its disk has 0.0 GB left"):
        run("mean")
    assert not partials(tmp_path)


def test_an_expert_identical_to_the_base_is_said(run, folders):
    assert run("mean", experts=[folders[1], folders[0]]).notes == (
        f"the expert {folders[0]} is identical to the base: it has nothing to merge.",)  # fmt: skip
    twins = run("ties", experts=[folders[1], folders[1]], out="twins").notes
    assert twins == (f"the experts {folders[1]} and {folders[1]} are identical.",)


def test_missing_moments_are_one_sentence(run, folders, extras, tmp_path):
    with raises(ModelError, match="ota needs second moments of every expert: give --extra FILE once for each of 2, in"):
        run("ota")
    files = extras(RULES["ota"])["extras"]
    with raises(ModelError, match="1 given"):
        run("ota", extras=files[:1])
    with raises(ModelError, match="mean takes no extras: drop --extra"):
        run("mean", extras=files)
    own = load_file(files[0])
    own.pop(NAME)
    save_file(own, files[0])
    for options in ({}, {"mask": ".3"}):
        with raises(ModelError, match=f"ota needs second moments of every expert, and {NAME} lacks some"):
            run("ota", extras=files, options=options)
    assert not partials(tmp_path)


def test_what_is_no_model_is_one_sentence(run, folders, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    for experts, says in (
        ([tmp_path / "adapter"], "holds an adapter: merge it into its base first"),
        ([tmp_path / "none"], "none is not a folder"),
        ([], "give at least one expert with --expert DIR"),
    ):
        with raises(ModelError, match=says):
            run("mean", experts=experts)
    with raises(ModelError, match="model-stock takes at least 2 experts"):
        run("model-stock", experts=folders[1:2])
    with raises(SpecError, match="did you mean 'karcher'"):
        run("karchr")


def test_a_sum_that_overflows_the_dtype_is_refused(small_model, run, tmp_path):
    base = small_model(tmp_path / "half", dtype="float16")
    with raises(ModelError, match="the merged entries are not finite in float16: lower lam"):
        run("task-arithmetic", base=base, options={"lam": "1e9"})
    assert not partials(tmp_path)


def test_progress_counts_passes_and_bytes(folders, tmp_path):
    seen = []
    asked = Asked("ties", folders[0], tuple(folders[1:]), str(tmp_path / "out"), {"scope": "model", "density": 0.3})
    done = merge_folders(asked, seen.append)
    assert [each.done for each in seen] == list(range(1, len(seen) + 1)) and seen[-1].done == seen[-1].total
    assert seen[-1].bytes_done == seen[-1].bytes_total == done.bytes_read and seen[-1].seconds_left == 0.0
    assert len(seen) % len(states(folders)[0]) == 0 and len(seen) > len(states(folders)[0])
