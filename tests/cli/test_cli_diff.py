"""`harness diff` as it is typed: the screen, the exit code, one sentence for each bad input, and what stays when it fails."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import cli
from harness.cli_diff import LOG_SECONDS, Progress
from harness.engine.diff import Seen
from harness.engine.diff_workers import Measuring
from harness.store.reader import query

MODEL = "model.safetensors"


@pytest.fixture
def sides(small_model, tmp_path):
    return small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1)


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """ask(BASE, TUNED, ...) runs the command in this process; gives (exit code, output, errors)."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def run(*arguments):
        try:
            code = cli.main(["diff", *map(str, arguments), "--results", str(tmp_path / "results"), "--processes", "1"])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def rows(tmp_path):
    return query(tmp_path / "results", "from matrices").to_pylist()


def test_a_pair_is_one_screen(ask, sides, tmp_path):
    code, out, err = ask(*sides)
    assert (code, err) == (0, "")
    assert out.startswith("base -> tuned: float32 against float32, 4 matrices\n") and "RANDOM" in out
    assert len(out.splitlines()) <= 40 and len({row["name"] for row in rows(tmp_path)}) == 4


def test_a_trajectory_is_a_table_and_a_screen(ask, small_model, sides, tmp_path):
    for step in (1, 2):
        small_model(tmp_path / "run" / f"step_{step}", noise=step / 10)
    code, out, _ = ask(sides[0], "--trajectory", tmp_path / "run")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "base -> 2 steps, 1 to 2; medians over matrices"
    assert lines[2].split() == "step relative norm bf16 density NSS kappa angle enrichment stable rank verdict".split()
    assert (lines[3].split()[0], lines[3].split()[-1], lines[4].split()[0], lines[4].split()[-1]) == ("1", "-", "2", "RANDOM")
    assert any(line.startswith("Step 2: base -> step_2") for line in lines)


def test_a_budget_is_a_sample_with_intervals(ask, sides, tmp_path):
    code, out, _ = ask(*sides, "--budget", "0.000001s")
    assert code == 0 and "a sample: 2 of 4 matrices, stratified by module, in " in out
    assert "[no interval: one matrix a module]" in out
    assert "a sample" not in ask(*sides, "--budget", "10m")[1]


def test_nulls_on_a_sample_are_said(ask, small_model, tmp_path, monkeypatch):
    from harness.engine import diff_plan

    monkeypatch.setattr(diff_plan, "SAMPLED", 1)
    _, out, _ = ask(small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1), "--nulls", "sample")
    assert "null draws on 2 of 4 matrices (1 a module)" in out


# bad options


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--budget", "ten"], "--budget 'ten' is no duration: write it as 90s, 10m or 1h"),
        (["--draws", "-1"], "--draws -1: give a whole number from 0"),
        (["--processes", "0"], "--processes 0: give a whole number from 1"),
        (["--seed", "-1"], "--seed -1: give a whole number from 0"),
        (["--tolerance", "2"], "--tolerance 2: give a number between 0 and 1"),
        (["--tolerance", "nan"], "--tolerance nan: give a number between 0 and 1"),
        (["--trajectory", "run"], "give either a tuned checkpoint"),
        (["--where", "("], "is no regular expression"),
        (["--where", "nothing"], "selects none of 4 matrices"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_is_one_sentence(arguments, says, sides, tmp_path, capsys):
    assert cli.main(["diff", *sides, "--results", str(tmp_path / "results"), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and len(err.splitlines()) == 1 and not (tmp_path / "results").exists()


def test_no_tuned_side_is_one_sentence(ask, sides):
    code, out, err = ask(sides[0])
    assert (code, out) == (2, "") and "or --trajectory DIR" in err


def test_no_gpu_is_one_sentence(ask, sides, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, out, err = ask(*sides, "--device", "cuda")
    assert (code, out) == (2, "") and "torch finds no CUDA device here" in err


# bad checkpoints


def shard(folder, absent=False, named=True):
    """The folder's weights as two shards with an index."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / MODEL)
    (folder / MODEL).unlink()
    where = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(tensors))}
    for file in set(where.values()):
        save_file({name: tensors[name] for name in where if where[name] == file}, folder / file)
    if not named:
        where["model.layers.9.mlp.up_proj.weight"] = "model-00001-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    if absent:
        (folder / "model-00002-of-00002.safetensors").unlink()


def missing_shard(folder):
    shard(folder, absent=True)


def truncated_shard(folder):
    shard(folder)
    file = folder / "model-00002-of-00002.safetensors"
    file.write_bytes(file.read_bytes()[:-64])


def absent_tensor(folder):
    shard(folder, named=False)


def truncated_file(folder):
    (folder / MODEL).write_bytes((folder / MODEL).read_bytes()[:-64])


def unfinished(folder):
    (folder / f"{MODEL}.tmp").write_bytes(b"half")


def no_weights(folder):
    (folder / MODEL).unlink()


def not_weights(folder):
    (folder / MODEL).write_bytes(b"PK\x03\x04 nothing")


BAD = {
    missing_shard: "lacks model-00002-of-00002.safetensors, which its index names",
    truncated_shard: "is not a whole safetensors file",
    absent_tensor: "lacks model.layers.9.mlp.up_proj.weight, which its index says it holds",
    truncated_file: "is not a whole safetensors file",
    unfinished: "is still being written",
    no_weights: "has no weights",
    not_weights: "is not a whole safetensors file",
}


@pytest.mark.parametrize("side", [0, 1], ids=["base", "tuned"])
@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_a_checkpoint_that_is_not_whole_is_one_sentence(spoil, side, ask, sides):
    spoil(Path(sides[side]))
    code, out, err = ask(*sides)
    assert (code, out) == (2, "") and BAD[spoil] in err and len(err.splitlines()) == 1


def test_a_file_of_another_kind_is_one_sentence(ask, sides, tmp_path):
    (tmp_path / "notes.txt").write_text("weights?")
    code, out, err = ask(sides[0], tmp_path / "notes.txt")
    assert (code, out) == (2, "") and "notes.txt is a file of another kind" in err


def test_a_checkpoint_that_grows_while_it_is_read_ends_it_and_rows_stay(ask, sides, tmp_path, monkeypatch):
    real, seen = Measuring.__call__, []

    def grows(self, task):
        seen.append(task)
        if len(seen) == 3:
            with Path(sides[1], MODEL).open("ab") as file:
                file.write(b"more")
        return real(self, task)

    monkeypatch.setattr(Measuring, "__call__", grows)
    code, out, err = ask(*sides)
    assert (code, out) == (2, "") and "changed while it was read: wait until whatever writes it has ended" in err
    [journal] = (tmp_path / "results" / "inflight").iterdir()
    assert len([line for line in journal.read_text().splitlines() if line]) == 2


def test_a_damaged_step_exits_2_and_the_others_are_stored(ask, small_model, sides, tmp_path):
    for step in (1, 2, 3):
        small_model(tmp_path / "run" / f"step_{step}", noise=step / 10)
    truncated_file(tmp_path / "run" / "step_3")
    code, out, err = ask(sides[0], "--trajectory", tmp_path / "run", "--draws", "0")
    assert code == 2 and "harness: step 3 is not measured: " in err and "base -> 2 steps, 1 to 2" in out
    assert "step 3 is not measured" in out and {row["step"] for row in rows(tmp_path)} == {1, 2}


# odd checkpoints, which are no errors


def test_another_vocabulary_is_no_error(ask, sides):
    from safetensors.torch import load_file, save_file

    import torch

    tensors = load_file(Path(sides[1], MODEL))
    save_file(tensors | {"model.embed_tokens.weight": torch.ones(40, 16)}, Path(sides[1], MODEL))
    code, out, _ = ask(*sides)
    assert code == 0 and "4 matrices" in out


@pytest.mark.parametrize("dtypes", [("bfloat16", "float32"), ("float16", "bfloat16"), ("float32", "float64")], ids="-".join)
def test_two_dtypes_are_no_error(dtypes, ask, small_model, tmp_path):
    base, tuned = (small_model(tmp_path / str(i), 0.1 * i, dtype=dtype) for i, dtype in enumerate(dtypes))
    code, out, _ = ask(base, tuned, "--draws", 1)
    assert code == 0 and f"{dtypes[0]} against {dtypes[1]}" in out


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_weights_that_are_not_finite_are_named(value, ask, small_model, tmp_path):
    def spoil(weight):
        weight[2, 3] = value
        return weight

    code, out, err = ask(small_model(tmp_path / "base"), small_model(tmp_path / "tuned", 0.1, up_proj=spoil))
    assert code == 2 and "DAMAGED" in out and "not finite  1 matrix (layers.0.mlp.up_proj)" in out
    assert err == "harness: weights that are not finite, in 1 of the matrices (layers.0.mlp.up_proj): the rows say where\n"
    assert [row["name"] for row in rows(tmp_path) if row["status"] == "nonfinite"] == ["layers.0.mlp.up_proj"]


@pytest.mark.parametrize("change", [lambda w: 0 * w, lambda w: w[:1], lambda w: w[:, :1]], ids=["zero", "one row", "one column"])
def test_degenerate_matrices_are_no_error(change, ask, small_model, tmp_path):
    base, tuned = (small_model(tmp_path / name, noise, up_proj=change, q_proj=change) for name, noise in (("base", 0), ("tuned", 0.1)))
    code, out, _ = ask(base, tuned)
    assert code == 0 and "4 matrices" in out and "nan" not in out


def test_a_config_that_names_code_is_only_read(ask, sides, tmp_path):
    for side in map(Path, sides):
        (side / "modeling_evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        (side / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": {"AutoModel": "modeling_evil.Evil"}}))
    assert ask(*sides)[0] == 0 and not (tmp_path / "ran").exists()
    assert "modeling_evil" not in sys.modules


def test_a_pickle_that_would_run_code_is_refused(ask, sides, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"state_dict": Evil()}, protocol=2))
    code, _, err = ask(sides[0], tmp_path / "evil.pt")
    assert code == 2 and "holds more than weights" in err and not (tmp_path / "ran").exists()


def test_swapped_sides_are_asked_about(ask, sides):
    Path(sides[0], "config.json").write_text(json.dumps({"_name_or_path": "owner/tuned"}))
    assert "are they swapped?" in ask(*sides)[1]
    assert "are they swapped?" not in ask(*reversed(sides))[1]


# the frame cache


@pytest.fixture
def large(tmp_path):
    """A pair of one matrix each that is large enough for its frame to be kept."""
    import torch
    from safetensors.torch import save_file

    paths = [tmp_path / f"{name}.safetensors" for name in ("base", "tuned")]
    generator = torch.Generator().manual_seed(0)
    weight = 0.02 * torch.randn(1025, 1026, generator=generator)
    for path, noise in zip(paths, (0.0, 1e-3), strict=True):
        save_file({"layers.0.mlp.up_proj.weight": weight + noise * torch.randn(weight.shape, generator=generator)}, path)
    return paths


def test_a_full_disk_under_the_frame_cache_is_a_note(ask, large, tmp_path):
    """The cache's folder cannot be made, as on a full disk: the frame is used and not kept, and the screen says so once."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    code, out, _ = ask(*large, "--frame", "full", "--draws", 0)
    assert code == 0 and out.count("note: The frame is used but not stored") == 1 and "relative norm" in out


def test_two_processes_fill_one_frame_cache(large, tmp_path):
    """Two diffs at once: both succeed with the same numbers, one frame is kept, nothing half-written is left."""
    root = Path(cli.__file__).parents[1]
    environment = {**os.environ, "HARNESS_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "harness.cli", "diff", *map(str, large), "--frame", "full", "--draws", "0", "--processes", "1"]
    running = [
        subprocess.Popen([*command, "--results", str(tmp_path / f"results{i}")], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for i in range(2)
    ]
    outputs = [each.communicate(timeout=120) for each in running]
    assert [each.returncode for each in running] == [0, 0], outputs
    screens = [out.decode().rsplit("\n\n", 1)[0] for out, _ in outputs]
    assert screens[0] == screens[1] and "not stored" not in screens[0]
    assert [path.suffix for path in (tmp_path / "cache" / "frames").iterdir()] == [".safetensors"]


# progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def seen(done, seconds):
    return Seen(f"layers.{done}.mlp.up_proj", done, 40, done * 10**9, 40 * 10**9, seconds)


def test_on_a_terminal_one_line_is_written_over(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    tell = Progress(stream)
    for done in (1, 2):
        tell(seen(done, 2.0 * done))
    tell.end()
    assert stream.getvalue().count("\r") == 2 and stream.getvalue().count("\n") == 1
    assert stream.getvalue().split("\r")[2].strip().removesuffix("\x1b[K") == "2/40 layers.2.mlp.up_proj  0.500 GB/s  76 s left"


def test_elsewhere_a_plain_line_comes_at_most_every_half_minute():
    """One reading every ten seconds for three minutes: six lines, not eighteen."""
    now = [0.0]
    stream = io.StringIO()
    tell = Progress(stream, clock=lambda: now[0])
    for done in range(1, 19):
        now[0] += 10.0
        tell(seen(done, now[0]))
    tell.end()
    lines = stream.getvalue().splitlines()
    assert LOG_SECONDS == 30.0 and [line.split("/")[0] for line in lines] == ["3", "6", "9", "12", "15", "18"]
    assert lines[0] == "3/40 layers.3.mlp.up_proj  0.100 GB/s  370 s left"


def test_a_short_diff_says_nothing():
    stream = io.StringIO()
    tell = Progress(stream)
    tell(seen(40, 1.0))
    tell.end()
    assert stream.getvalue() == ""


def test_no_more_time_is_left_than_the_budget_has():
    assert seen(1, 10.0).seconds_left == pytest.approx(390.0)
    assert seen(1, 10.0)._replace(budget=60.0).seconds_left == pytest.approx(50.0)
    assert seen(1, 90.0)._replace(budget=60.0).seconds_left == 0.0


def test_a_diff_tells_how_far_it_is(ask, sides, monkeypatch):
    from harness import cli_diff

    monkeypatch.setattr(cli_diff, "LOG_SECONDS", 0.0)
    lines = ask(*sides, "--draws", 0)[2].splitlines()
    assert [line.split()[0] for line in lines] == ["1/4", "2/4", "3/4", "4/4"] and lines[-1].endswith("0 s left")


def test_ctrl_c_is_one_sentence_and_rows_stay(ask, sides, tmp_path, monkeypatch):
    real, seen = Measuring.__call__, []

    def stops(self, task):
        seen.append(task)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(self, task)

    monkeypatch.setattr(Measuring, "__call__", stops)
    code, out, err = ask(*sides, "--draws", 0)
    assert (code, out) == (130, "") and "the same command goes on from there" in err
    assert len(list((tmp_path / "results" / "inflight").iterdir())) == 1
    assert ask(*sides, "--draws", 0)[0] == 0 and len(seen) == 5
