"""`harness profile` as it is typed: what it says, the exit code, one sentence for each bad input."""

import pytest
from harness import cli
from harness.store.reader import query


@pytest.fixture
def sides(small_model, tmp_path):
    return small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1)


@pytest.fixture
def ask(tmp_path, capsys, monkeypatch):
    """ask(...) runs the command in this process; gives (exit code, output, errors)."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def run(*arguments):
        try:
            code = cli.main(["profile", *map(str, arguments), "--results", str(tmp_path / "results")])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def stored(tmp_path, what="from profiles"):
    return query(tmp_path / "results", what).to_pylist()


def test_a_pair_is_stored_and_said(ask, sides, tmp_path):
    code, out, err = ask("--base", sides[0], "--tuned", sides[1], "--draws", 2)
    assert (code, err) == (0, "")
    first, second, *_, last = out.splitlines()
    assert first == f"{sides[1]} of {sides[0]}: 4 matrices; 52 curves and maps"
    assert second.startswith("2 draws of noise, ") and second.endswith(" MB")
    assert "harness query \"from latest_profile where run_id = '" in last
    assert len(stored(tmp_path)) == 52 and len(stored(tmp_path, "from latest_profile")) == 52


def test_steps_of_a_folder_are_said(ask, sides, small_model, tmp_path):
    for step in (5, 10):
        small_model(tmp_path / "run" / f"step_{step}", noise=step / 100)
    trajectory = ("--base", sides[0], "--trajectory", tmp_path / "run", "--draws", 0)
    assert ": 4 matrices at steps 5, 10; 96 curves and maps\nno draws of noise" in ask(*trajectory)[1]
    assert ": 4 matrices at step 10; 48 curves and maps" in ask(*trajectory, "--steps", "last")[1]


def test_a_sample_is_said(ask, sides):
    assert ": 2 of 4 matrices; " in ask("--base", sides[0], "--tuned", sides[1], "--per-module", 1, "--draws", 0)[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give arms, as in `harness profile rlvr sft`, or --base BASE"),
        (["rlvr", "--base", "x", "--tuned", "y"], "give arms, as in `harness profile rlvr sft`, or --base BASE"),
        (["--tuned", "y"], "checkpoints on disk are --base BASE with either --tuned TUNED or --trajectory DIR"),
        (["--base", "x"], "checkpoints on disk are --base BASE with either"),
        (["--base", "x", "--tuned", "y", "--trajectory", "z"], "checkpoints on disk are --base BASE with either"),
        (["rlvrr"], "unknown arm 'rlvrr': did you mean 'rlvr'?"),
        (["rlvr", "sfft"], "unknown arm 'sfft': did you mean 'sft'?"),
        (["rlvr_kl", "--scale", "small"], "has no recipe for the arm 'rlvr_kl'; it offers sft, rlvr"),
        (["rlvr", "--scale", "tinny"], "unknown scale 'tinny': did you mean 'tiny'?"),
        (["noise"], "the arm 'noise' is drawn, not trained"),
        (["rlvr", "--where", "("], "'(' is no regular expression"),
        (["rlvr", "--draws", "-1"], "--draws -1: give a whole number from 0"),
        (["rlvr", "--per-module", "-1"], "--per-module -1: give a whole number from 0"),
        (["rlvr", "--seed", "-1"], "--seed -1: give a whole number from 0"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_nothing_is_written(arguments, says, ask, tmp_path):
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "") and says in err and len(err.splitlines()) == 1 and not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("where", "says"), [("(", "is no regular expression"), ("nothing", "selects none of 4 matrices")], ids=["damaged", "none"]
)
def test_a_bad_selection_is_one_sentence(where, says, ask, sides, tmp_path):
    code, out, err = ask("--base", sides[0], "--tuned", sides[1], "--where", where)
    assert (code, out) == (2, "") and says in err and len(err.splitlines()) == 1 and not (tmp_path / "results").exists()


def test_a_pair_whose_shapes_differ_is_one_sentence(ask, checkpoint, noise, tmp_path):
    code, out, err = ask("--base", checkpoint("base"), "--tuned", checkpoint("tuned", noise, rows=24))
    assert (code, out) == (2, "") and "share no matrix of equal shape" in err and not (tmp_path / "results").exists()


def test_no_such_checkpoint_is_one_sentence(ask, sides, tmp_path):
    code, out, err = ask("--base", sides[0], "--tuned", tmp_path / "nowhere")
    assert (code, out) == (2, "") and "nowhere" in err and len(err.splitlines()) == 1


def test_a_matrix_of_another_shape_is_noted(ask, sides, small_model, tmp_path):
    odd = small_model(tmp_path / "odd", noise=0.1, up_proj=lambda weight: weight[:8])
    code, out, _ = ask("--base", sides[0], "--tuned", odd, "--draws", 0)
    assert code == 0 and "\n  not compared, as their shapes differ: layers.0.mlp.up_proj\n" in out


def test_weights_that_are_not_finite_are_named_and_the_others_stored(ask, sides, small_model, tmp_path):
    bad = small_model(tmp_path / "bad", noise=0.1, up_proj=lambda weight: weight * float("nan"))
    code, out, err = ask("--base", sides[0], "--tuned", bad, "--draws", 0)
    assert code == 2 and "4 matrices" in out
    assert err == "harness: weights that are not finite, in 1 of the matrices (layers.0.mlp.up_proj): the rows say where\n"
    states = {row["matrix"]: row["status"] for row in stored(tmp_path, "from profiles where kind = 'energy'")}
    assert states.pop("layers.0.mlp.up_proj") == "nonfinite" and set(states.values()) == {"ok"} and len(states) == 3


def test_no_room_for_results_is_one_sentence(ask, sides, tmp_path):
    (tmp_path / "results").write_text("a file where the folder should be")
    code, out, err = ask("--base", sides[0], "--tuned", sides[1])
    assert (code, out) == (2, "") and "cannot write results in" in err and len(err.splitlines()) == 1


def test_ctrl_c_is_one_sentence(ask, sides, monkeypatch, tmp_path):
    from harness.engine.profile_rows import MatrixProfile

    def stops(self, w1):
        raise KeyboardInterrupt

    monkeypatch.setattr(MatrixProfile, "read", stops)
    code, out, err = ask("--base", sides[0], "--tuned", sides[1])
    assert (code, out, err) == (130, "", "harness: stopped; nothing was stored\n")
    assert not list((tmp_path / "results" / "inflight").iterdir())


def test_the_help_names_both_forms(ask):
    code, out, _ = ask("--help")
    assert code == 0 and "ARM" in out and "--base BASE with --tuned TUNED" in " ".join(out.split())
