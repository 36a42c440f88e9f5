"""`harness profile` from runs and folders to rows: every snapshot, adapters merged, and nothing else in the store disturbed."""

from dataclasses import replace
from datetime import UTC, datetime

import harness.engine.profile as profiling
import pyarrow.parquet as pq
import pytest
from harness.engine.profile import Asked, profile
from harness.engine.profile_subjects import Selection, Stored, request
from harness.engine.rejudge import rejudge
from harness.errors import ModelError, SpecError, StoreError
from harness.store.compare import last_durations, previous_verdicts
from harness.store.reader import query
from harness.store.writer import Session
from harness.training import cache, recipes, train


@pytest.fixture
def short_runs(tmp_path, monkeypatch):
    """An empty run cache, and recipes of 4 steps that keep 1, 3 and 4."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "capability", lambda model, tokenizer, tasks: {task.name: 0.5 for task in tasks})
    for at, recipe in list(recipes.RECIPES.items()):
        monkeypatch.setitem(recipes.RECIPES, at, replace(recipe, batch=16, steps=4, snapshots=3, warmup=2))


@pytest.fixture
def pair(checkpoint, noise):
    return dict(base=checkpoint("base"), tuned=checkpoint("tuned", noise))


def rows(tmp_path, where="true"):
    return query(tmp_path / "results", f"from profiles where {where} order by all").to_pylist()


# runs


def test_runs_are_trained_which_is_said_and_read_at_every_snapshot(short_runs, tmp_path):
    """Full weights and adapters alike: the relative norms stored are those of the run's change, which is read merged."""
    told, trained = [], []
    done = profile(Asked(("sft", "sft_lora"), draws=1), tmp_path / "results", tell=told.append, training=trained.append)
    assert list(dict.fromkeys(now["arm"] for now in trained)) == ["pretrain", "sft", "sft_lora"]
    assert len(told) == 1 and "pretrain seed 0 [tiny], sft seed 0 [tiny], sft_lora seed 0 [tiny]" in told[0]
    assert [(each.name, each.matrices, each.total, each.steps) for each in done.subjects] == [
        (f"{arm} seed 0 [tiny]", 14, 14, (1, 3, 4)) for arm in ("sft", "sft_lora")
    ]
    for arm in ("sft", "sft_lora"):
        run = cache.load(cache.Request(arm, "tiny", 0))
        for step, change in run.change().trajectory:
            found = rows(tmp_path, f"arm = '{arm}' and step = {step} and kind = 'layer_update_norm' and module = 'mlp.up_proj'")
            assert [each["x"] for each in found] == [[0.0, 1.0]] and found[0]["run_key"] == run.key
            expected = [change.relative_norm()[f"layers.{layer}.mlp.up_proj"] for layer in (0, 1)]
            assert found[0]["y"] == pytest.approx(expected, rel=1e-6) and min(expected) > 0
    one = rows(tmp_path, "arm = 'sft' and step = 3 and matrix = 'layers.1.mlp.up_proj'")
    assert {(each["layer"], each["module"], each["scale"], each["seed"]) for each in one} == {(1, "mlp.up_proj", "tiny", 0)}
    assert done.bytes / 6 < 64_000  # 16 snapshots of 14 matrices within a megabyte
    told.clear()
    again = profile(Asked(("sft",), last=True, draws=1), tmp_path / "results", tell=told.append)
    assert told == [] and again.subjects[0].steps == (4,)


def test_an_arm_that_cannot_be_profiled_is_one_sentence():
    with pytest.raises(SpecError, match="unknown arm 'rlvrr': did you mean 'rlvr'"):
        request("rlvrr", "tiny", 0)
    with pytest.raises(SpecError, match="Scale 'small' has no recipe for the arm 'rlvr_kl'; it offers sft, rlvr"):
        request("rlvr_kl", "small", 0)
    with pytest.raises(SpecError, match="'noise' is drawn, not trained"):
        request("noise", "tiny", 0)
    with pytest.raises(SpecError, match="'affine_own' is a family of arms: name one of them, such as affine_own_"):
        request("affine_own", "tiny", 0)
    with pytest.raises(ModelError, match="unknown scale 'tinny': did you mean 'tiny'"):
        request("rlvr", "tinny", 0)


# the store


def test_a_profile_is_a_session_of_its_own_mode(pair, tmp_path):
    done = profile(Asked(**pair, draws=2), tmp_path / "results")
    [run] = query(tmp_path / "results", "from runs").to_pylist()
    assert (run["run_id"], run["mode"], run["judged"], run["trained"]) == (done.run_id, "profile", "none", None)
    assert (run["measured"], run["errored"], run["seeds"], run["schema_version"]) == (4, 0, 2, 2)
    assert not list((tmp_path / "results" / "inflight").iterdir())
    assert len(rows(tmp_path)) == sum(each.rows for each in done.subjects) == 4 * 11 + 2 * 4


def test_nothing_else_in_the_store_is_disturbed(pair, stored, tmp_path):
    """Verdicts, flips, durations and the run that `rejudge` takes are those of before."""
    run_id = stored()
    measured = Session(tmp_path).open()
    now = datetime.now(UTC)
    run = dict(started=now, finished=now, mode="dev", judged="regression", schema_version=1, trained=0, duration_s=7.0)
    measured.commit({"runs": [run]})

    def seen():
        views = [query(tmp_path, f"from {view} order by all").to_pylist() for view in ("latest_verdict", "standing", "flips")]
        again = [each.run["run_id"] for each in rejudge(tmp_path, "all")]
        return views, previous_verdicts(tmp_path), last_durations(tmp_path), again

    before = seen()
    done = profile(Asked(**pair, draws=0), tmp_path)
    assert seen() == before and before[2] == {"warm": 7.0} and before[3] == [run_id, measured.run_id]
    assert rejudge(tmp_path)[0].run["run_id"] == measured.run_id
    assert query(tmp_path, "from complete_runs").to_pylist()[0]["run_id"] == done.run_id


def test_latest_profile_is_the_newest_of_each_subject(pair, checkpoint, noise, tmp_path):
    other = dict(pair, tuned=checkpoint("other", noise))
    runs = [profile(Asked(**each, draws=0), tmp_path / "results").run_id for each in (pair, other, pair)]
    found = query(tmp_path / "results", "from latest_profile").to_pylist()
    assert len(found) == 2 * len(rows(tmp_path)) / 3
    newest = {each["subject"]: each["run_id"] for each in found}
    assert newest == {f"{other['tuned']} of {pair['base']}": runs[1], f"{pair['tuned']} of {pair['base']}": runs[2]}
    modules = [each["module"] for each in found if each["kind"] == "layer_nss"]
    assert sorted(modules) == ["mlp.gate_proj"] * 2 + ["mlp.up_proj"] * 2


def test_a_store_that_cannot_be_written_is_said_before_anything_is_trained(tmp_path, monkeypatch):
    (tmp_path / "results").write_text("a file where the folder should be")
    monkeypatch.setattr(profiling.cache, "ensure_all", lambda *given: pytest.fail("trained"))
    with pytest.raises(StoreError, match="cannot write results in"):
        profile(Asked(("rlvr",)), tmp_path / "results")


@pytest.mark.parametrize("written", [0, 1], ids="files={}".format)
def test_a_disk_that_fills_up_leaves_nothing_behind(pair, tmp_path, monkeypatch, written):
    real, seen = pq.write_table, []

    def full(content, file, **given):
        seen.append(file)
        if len(seen) > written:
            raise OSError(28, "No space left on device")
        real(content, file, **given)

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError, match="No space left on device; free space or name another folder .*HARNESS_RESULTS.$"):
        profile(Asked(**pair, draws=0), tmp_path / "results")
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file()] == []


def test_a_profile_that_was_stopped_leaves_nothing_behind(pair, tmp_path):
    def stops(seen):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile(Asked(**pair, draws=0), tmp_path / "results", progress=stops)
    assert [path for path in (tmp_path / "results").rglob("*") if path.is_file()] == []


# checkpoints


def test_the_steps_of_a_folder_are_one_subject(small_model, tmp_path):
    base = small_model(tmp_path / "base")
    for step in (10, 20):
        small_model(tmp_path / "run" / f"checkpoint-{step}", noise=step / 100)
    folder = str(tmp_path / "run")
    seen = []
    profile(Asked(base=base, trajectory=folder, draws=1), tmp_path / "results", progress=seen.append)
    found = rows(tmp_path, "kind = 'layer_update_norm' and module = 'mlp.up_proj'")
    assert [each["step"] for each in found] == [10, 20]
    assert {(each["subject"], each["arm"]) for each in found} == {(f"{folder} of {base}", None)}
    assert found[0]["y"] == pytest.approx([0.1] * 2, rel=0.3) and found[1]["y"] == pytest.approx([0.2] * 2, rel=0.3)
    assert [(each.done, each.total) for each in seen] == [(i, 8) for i in range(1, 9)] and seen[-1].seconds_left == 0.0


def test_a_damaged_step_and_a_damaged_matrix_are_said_and_all_else_is_stored(small_model, tmp_path):
    base = small_model(tmp_path / "base")
    small_model(tmp_path / "run" / "step_1", noise=0.1, q_proj=lambda weight: weight * float("nan"))
    small_model(tmp_path / "run" / "step_2", noise=0.2)
    (tmp_path / "run" / "step_3").mkdir()
    done = profile(Asked(base=base, trajectory=str(tmp_path / "run"), draws=0), tmp_path / "results")
    assert len(done.troubles) == 2 and done.troubles[0].startswith("step 3 is not measured: ")
    assert "not finite, in 1 of the matrices (layers.0.self_attn.q_proj): the rows say where" in done.troubles[1]
    damaged = rows(tmp_path, "status = 'nonfinite'")
    assert {(each["step"], each["matrix"], each["y"]) for each in damaged} == {(1, "layers.0.self_attn.q_proj", None)}
    assert {each["step"] for each in rows(tmp_path, "matrix = 'layers.0.self_attn.q_proj' and status = 'ok'")} == {2}
    [left] = rows(tmp_path, "kind = 'layer_nss' and module = 'self_attn.q_proj' and step = 1")
    assert left["x"] == [1.0] and left["status"] == "ok"


def test_matrices_are_chosen_by_name_or_by_module(small_model, tmp_path):
    sides = small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1), None

    def names(**given):
        return [entry.name for entry in Stored(*sides, Selection(**given)).entries]

    assert len(names()) == 4
    assert names(where=r"1\.mlp") == ["layers.1.mlp.up_proj"]
    one_each = names(per_module=1)
    assert sorted(name.partition(".")[2].partition(".")[2] for name in one_each) == ["mlp.up_proj", "self_attn.q_proj"]
    assert len(names(per_module=0)) == 4


def test_of_many_matrices_three_a_module_are_taken(small_model, tmp_path, monkeypatch):
    from harness.engine import profile_subjects

    sides = small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1), None
    monkeypatch.setattr(profile_subjects, "MANY", 3)
    monkeypatch.setattr(profile_subjects, "PER_MODULE", 1)
    sampled = Stored(*sides, Selection())
    assert (len(sampled.entries), sampled.total) == (2, 4)
    assert len(Stored(*sides, Selection(where="layers")).entries) == 4  # who names them gets them


def test_matrices_of_other_shapes_are_noted_and_the_others_read(small_model, tmp_path):
    base, tuned = small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1, up_proj=lambda weight: weight[:8])
    done = profile(Asked(base=base, tuned=tuned, draws=0), tmp_path / "results")
    assert done.subjects[0].notes == ("not compared, as their shapes differ: layers.0.mlp.up_proj",)
    assert (done.subjects[0].matrices, done.subjects[0].steps, done.troubles) == (3, (0,), ())


def test_a_pair_of_other_shapes_altogether_is_refused_and_nothing_written(checkpoint, noise, tmp_path):
    base, tuned = checkpoint("base"), checkpoint("tuned", noise, rows=24)
    with pytest.raises(ModelError, match="share no matrix of equal shape .* is 48 x 32 and 24 x 32"):
        profile(Asked(base=base, tuned=tuned), tmp_path / "results")
    assert not (tmp_path / "results").exists()
