"""Safety of the cache: with light stand-ins for training where only the folders matter, with real training where it counts."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from harness.errors import SpecError, TrainingError
from harness.training import cache, runs
from harness.training.cache import Request

BASE, ARM = Request("pretrain", "tiny", 0), Request("rlvr", "tiny", 0)

# Stands in for harness.training.train: a second of writing, a line in trained.txt for each run. Imports no torch.
FAKE = """
import json, os, sys, time, types
def train(request, base, folder, progress=None, *, device="cpu"):
    with open(os.environ["HARNESS_CACHE"] + "/trained.txt", "a") as log:
        log.write(f"{request.arm} {request.seed}\\n")
    (folder / "weights-000000.safetensors").write_bytes(b"x" * 100)
    time.sleep(0.5)
    manifest = dict(key=request.key, arm=request.arm, scale=request.scale, seed=request.seed, recipe={}, steps=[0],
                    files={"weights-000000.safetensors": 100})
    (folder / "manifest.json").write_text(json.dumps(manifest))
sys.modules["harness.training.train"] = types.SimpleNamespace(train=train)
from harness.training import cache
wanted = [cache.Request(arm, "tiny", seed) for seed in (0, 1) for arm in ("pretrain", "rlvr")]
assert len(cache.ensure_all(wanted)) == 4
"""

REAL = """
from dataclasses import replace
from harness import threads; threads.configure()
from harness.training import cache, recipes
recipes.RECIPES["pretrain", "tiny"] = replace(recipes.RECIPES["pretrain", "tiny"], steps=100_000, batch=16)
cache.ensure(cache.Request("pretrain", "tiny", 0))
"""


def complete(request: Request, **changes) -> Path:
    """A folder that looks like a finished run."""
    request.path.mkdir(parents=True)
    (request.path / "log.json").write_text("[]")
    manifest = {
        "key": request.key, "arm": request.arm, "scale": request.scale, "seed": request.seed, "recipe": {}, "steps": [0],
        "files": {"log.json": 2}, **changes,
    }  # fmt: skip
    (request.path / runs.MANIFEST).write_text(json.dumps(manifest))
    return request.path


def start(code: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def test_a_complete_run_is_found_and_bases_come_first(cache_folder):
    assert cache.missing([ARM, BASE, Request("sft", "tiny", 0)]) == [BASE, ARM, Request("sft", "tiny", 0)]
    complete(BASE)
    assert cache.missing([ARM]) == [ARM]
    complete(ARM)
    assert cache.missing([ARM]) == []
    assert cache.load(ARM).base == cache.load(BASE) and len({cache.load(BASE), cache.load(BASE)}) == 1
    assert [run.key for run in cache.load(ARM).lineage()] == [ARM.key, BASE.key]


def test_an_arm_without_its_base_is_not_complete(cache_folder):
    complete(ARM)
    assert cache.find(ARM) is None


@pytest.mark.parametrize("damage", ["no manifest", "half a manifest", "a short file", "a lost file"])
def test_a_half_written_run_is_invisible(cache_folder, damage):
    path = complete(BASE)
    if damage == "no manifest":
        (path / runs.MANIFEST).unlink()
    elif damage == "half a manifest":
        (path / runs.MANIFEST).write_text('{"key": "')
    elif damage == "a short file":
        (path / "log.json").write_text("[")
    else:
        (path / "log.json").unlink()
    assert cache.find(BASE) is None
    with pytest.raises(TrainingError, match="is not trained yet"):
        cache.load(BASE)


def test_a_held_lock_is_not_waited_for(cache_folder):
    cache_folder.mkdir(parents=True)
    with FileLock(cache_folder / f"{BASE.key}.lock"):
        assert not cache.try_ensure(BASE)


def test_an_arm_that_the_scale_lacks_is_named(cache_folder):
    with pytest.raises(SpecError, match="'tiny' has no recipe for the arm 'dpo'; it offers pretrain, sft"):
        cache.ensure(Request("dpo", "tiny", 0))


def test_parallel_processes_train_each_run_once(cache_folder):
    cache_folder.mkdir(parents=True)
    workers = [start(FAKE) for _ in range(3)]
    failures = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], failures
    trained = (cache_folder.parent / "trained.txt").read_text().splitlines()
    assert sorted(trained) == ["pretrain 0", "pretrain 1", "rlvr 0", "rlvr 1"]


def test_kill_9_during_training_leaves_nothing_that_a_reader_sees(cache_folder, few_steps, no_evaluation):
    """A real training killed after its first snapshot; the next process cleans up, trains and finishes."""
    child = start(REAL)
    deadline = time.monotonic() + 120
    while not list(cache_folder.glob("*.tmp-*/weights-000001.safetensors")):
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    (left,) = cache_folder.glob("*.tmp-*")
    assert not (left.with_name(left.name.split(".")[0])).exists()
    ours = left.rename(cache_folder / f"{BASE.key}.tmp-1")  # as if the same run, cut short, had been ours
    assert cache.find(BASE) is None
    assert cache.ensure(BASE).steps == (0, 1, 3, 4)
    assert not ours.exists()


@pytest.mark.parametrize("step", [0, 1, "manifest"], ids="full at {}".format)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(cache_folder, few_steps, no_evaluation, monkeypatch, step):
    full_at = runs.MANIFEST if step == "manifest" else runs.weights_name(step)
    write = Path.write_bytes

    def fails(self, content):
        if self.name == full_at:
            write(self, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fails)
        with pytest.raises(TrainingError, match=r"runs cannot be written \(No space left on device\): free space") as caught:
            cache.ensure(BASE)
    assert "\n" not in str(caught.value)
    assert not [path for path in cache_folder.iterdir() if path.is_dir()]
    assert cache.ensure(BASE).key == BASE.key


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    with pytest.raises(TrainingError, match="cannot be written"):
        cache.ensure(BASE)


def test_one_run_that_fails_does_not_stop_the_others(cache_folder, monkeypatch):
    """And what starts from it is not tried."""
    from harness.training import train

    tried = []

    def sometimes(request, base, folder, progress, *, device):
        tried.append((request.arm, request.seed))
        if request == BASE:
            raise TrainingError("diverged")
        folder.rmdir()
        complete_at = complete(request)
        complete_at.rename(folder)

    monkeypatch.setattr(train, "train", sometimes)
    other = Request("rlvr", "tiny", 1)
    with pytest.raises(TrainingError, match="diverged"):
        cache.ensure_all([ARM, other])
    assert tried == [("pretrain", 0), ("pretrain", 1), ("rlvr", 1)]
    assert cache.find(other)


@pytest.fixture
def diverging(cache_folder, monkeypatch):
    """A cache in which every training diverges; the list of what was tried."""
    from harness.training import train

    tried = []

    def diverges(request, base, folder, progress, *, device):
        tried.append(request)
        raise runs.Diverged(f"The {request.arm} run of seed {request.seed} diverged; nothing was cached.")

    monkeypatch.setattr(train, "train", diverges)
    return tried


def test_a_diverged_run_is_recorded_and_not_tried_again(diverging, cache_folder):
    for _ in range(3):
        with pytest.raises(TrainingError, match="pretrain run of seed 0 diverged; nothing was cached"):
            cache.ensure(BASE)
    assert diverging == [BASE]
    assert cache.find(BASE) is None and cache.missing([BASE]) == [BASE]
    assert not [path for path in cache_folder.iterdir() if path.is_dir()]
    with pytest.raises(TrainingError, match=f"seed 0 diverged; .*delete {BASE.key}.diverged.json from the run cache to try"):
        cache.load(BASE)


def test_what_starts_from_a_diverged_run_says_so(diverging):
    for load in (cache.ensure, cache.load):
        with pytest.raises(TrainingError, match="pretrain run of seed 0 diverged"):
            load(ARM)
    assert diverging == [BASE]


def test_without_its_record_a_diverged_run_is_tried_again(diverging):
    for _ in range(2):
        with pytest.raises(TrainingError, match="diverged"):
            cache.ensure(BASE)
        BASE.record.unlink()
    assert diverging == [BASE, BASE]


def test_a_record_cut_short_counts_for_nothing(diverging, cache_folder):
    cache_folder.mkdir(parents=True)
    BASE.record.write_text('{"says": "The pre')
    with pytest.raises(TrainingError, match="diverged; nothing was cached"):
        cache.ensure(BASE)
    assert diverging == [BASE]
