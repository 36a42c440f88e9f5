"""`harness merge` as it is typed: what it says, the exit code, one sentence for each bad input."""

import io
import sys

import pytest
import torch
from harness import cli, cli_merge
from harness.merging import RULES, merge
from pytest import mark
from safetensors.torch import load_file


@pytest.fixture
def folders(small_model, tmp_path):
    return [small_model(tmp_path / "base"), *(small_model(tmp_path / f"e{s}", noise=0.1, seed=s) for s in (1, 2))]


@pytest.fixture
def ask(folders, tmp_path, capsys):
    """ask("--method", "ties", ...) runs the command on the base and both experts; gives (exit code, output, errors)."""

    def run(*arguments, experts=2):
        sides = ["--base", folders[0], *(each for folder in folders[1 : 1 + experts] for each in ("--expert", folder))]
        try:
            code = cli.main(["merge", *sides, "--out", str(tmp_path / "out"), *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def test_a_merge_is_written_and_said(ask, folders, tmp_path):
    code, out, err = ask("--method", "iso")
    assert (code, err) == (0, "")
    assert out.startswith(f"written: {tmp_path / 'out'}  (iso, 6 tensors, 0.00 GB, ") and len(out.splitlines()) == 1
    base, *experts = (load_file(f"{folder}/model.safetensors") for folder in folders)
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(found[name], w) for name, w in merge("iso", base, experts).items())


def test_options_and_lambda(ask, folders, tmp_path):
    assert ask("--method", "ties", "--option", "density=.5", "--lambda", ".3", "--where", "mlp")[0] == 0
    base, *experts = (load_file(f"{folder}/model.safetensors") for folder in folders)
    found = load_file(tmp_path / "out" / "model.safetensors")
    wanted = merge("ties", base, experts, density=0.5, lam=0.3, where="mlp")
    assert all(torch.equal(found[name], w) for name, w in wanted.items())


def test_an_identical_expert_is_a_sentence(ask, folders):
    code, out, err = ask("--method", "mean", "--expert", folders[0])
    assert code == 0 and err == f"harness: the expert {folders[0]} is identical to the base: it has nothing to merge.\n"


@mark.parametrize(
    ("arguments", "says"),
    [
        (["--method", "tise"], "there is no merging rule 'tise': did you mean 'ties'"),
        (["--method", "ties", "--option", "density"], "--option density: write it as NAME=VALUE"),
        (["--method", "ties", "--option", "density=2"], "ties: density = '2' cannot be: give a number above 0 and at most 1"),
        (["--method", "ties", "--option", "lambda=1", "--lambda", "2"], "the option lam is given twice"),
        (["--method", "mean", "--lambda", "2"], "mean has no option 'lam': it has none"),
        (["--method", "mean", "--where", "("], "--where '(' is no regular expression"),
        (["--method", "mean", "--where", "zzz"], "--where 'zzz' is found in none of 6 names, such as "),
        (["--method", "mean", "--seed", "-1"], "--seed -1: give a whole number from 0"),
        (["--method", "ota"], "ota needs second moments of every expert: give --extra FILE once for each of 2"),
        (["--method", "slerp", "--expert", "base"], "slerp takes 1 to 2 experts, and 3 experts were given"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(arguments, says, ask, tmp_path):
    code, out, err = ask(*arguments)
    assert code == 2 and out == "" and says in err and len(err.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_a_missing_side_is_one_sentence(capsys, folders):
    assert cli.main(["merge", "--method", "mean", "--base", folders[0]]) == 2
    assert "--out is missing" in capsys.readouterr().err
    assert cli.main(["merge", "--method", "mean", "--out", "x", "--expert", folders[1]]) == 2
    assert "--base is missing" in capsys.readouterr().err


def test_an_output_that_exists(ask, tmp_path):
    (tmp_path / "out").mkdir()
    code, _, err = ask("--method", "mean")
    assert code == 2 and "exists already: give a new name with --out" in err


def test_what_a_method_does_is_told(capsys):
    assert cli.main(["merge", "--method", "ota", "--help-method"]) == 0
    out = capsys.readouterr().out
    assert "(2509.11167)" in out and "needs --extra: second moments" in out and "mask = None   a number above 0" in out


def test_every_method_is_in_the_help():
    words = cli_merge.METHODS.replace(",", " ").replace(".", " ").split()
    assert set(RULES) <= set(words)


def test_ctrl_c_says_so_and_leaves_nothing(ask, monkeypatch, tmp_path):
    from harness.models import shards

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shards.ShardWriter, "add", stop)
    code, out, err = ask("--method", "mean")
    assert (code, out, err) == (130, "", "harness: stopped; nothing was written\n")
    assert not [each for each in tmp_path.iterdir() if "out" in each.name]


def test_progress_is_for_a_terminal(ask, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert ask("--method", "mean")[0] == 0
    assert "\r1/6 " in screen.getvalue() and "\r6/6 " in screen.getvalue() and screen.getvalue().endswith("\n")
