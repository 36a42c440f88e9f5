"""Claims on a user's own checkpoints, in real sessions: options, cases, replicates, what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BODY = """
RATIO = dict(null=h.null("isotropic", on="*"), plant=h.plant("principal_block", on="rlvr"))


@claim("more-principal", h.above(1.0, on="log"), **RATIO)
def test_more_principal(rlvr, sft):
    return h.principal_enrichment(rlvr, fraction=1 / 16) / h.principal_enrichment(sft.matched(rlvr), fraction=1 / 16)


@claim("learns", h.above(0.0), null=h.variant(sign=-1.0), plant=None, no_plant="none")
def test_learns(rlvr, sign=1.0):
    return sign * rlvr.accuracy


@claim("raft-too", h.above(0.0), **RATIO)
def test_raft_too(rlvr, raft):
    return h.kappa(rlvr) / h.kappa(raft)


@claim("answers", h.above(0.0), null=h.variant(sign=-1.0), plant=None, no_plant="none")
def test_answers(rlvr, models, sign=1.0):
    return sign * models.of(rlvr).accuracy


@claim("is-one", h.exact(1), null=h.variant(x=2), plant=h.variant(x=1))
def test_is_one(x=1):
    return x
"""
STATUS = "SELECT claim_id, status, status_reason FROM claims WHERE status <> 'measured' ORDER BY claim_id"
SKIPPED = [
    {"claim_id": "toy/answers", "reason": "needs models that answer (models): only weights are at hand"},
    {"claim_id": "toy/is-one", "reason": "takes no arm: nothing in it depends on your checkpoints"},
    {"claim_id": "toy/learns", "reason": "needs the held-out accuracy of rlvr: only its weights are at hand"},
    {"claim_id": "toy/raft-too", "reason": "needs the arm raft: give --claim-tuned raft=PATH"},
]


@pytest.fixture
def tuned(checkpoint, noise, principal):
    """tuned(n) writes a base and n checkpoints of each arm, a planted principal update as rlvr and noise as sft."""

    def options(replicates):
        asked = ["--claim-base", checkpoint("base")]
        for i in range(replicates):
            asked += ["--claim-tuned", f"rlvr={checkpoint(f'rlvr{i}', principal)}"]
            asked += ["--claim-tuned", f"sft={checkpoint(f'sft{i}', noise)}"]
        return asked

    return options


@pytest.mark.parametrize("workers", ["0", "2"], ids="n={}".format)
def test_one_checkpoint_of_each_arm_is_a_case_and_the_rest_is_skipped_with_its_reason(suite, tuned, workers):
    asked = tuned(1)
    done = suite.write(BODY).run(*asked, "-n", workers)
    assert done.returncode == 0 and "4 skipped, 1 inconclusive" in done.stdout, done.stdout + done.stderr
    assert suite.query(STATUS) == [
        {"claim_id": row["claim_id"], "status": "skipped", "status_reason": row["reason"]} for row in SKIPPED
    ]
    for row in SKIPPED:
        assert f"skipped [own], {row['reason']}: {row['claim_id']}" in done.stdout
    [verdict] = suite.query("SELECT verdict, reason, detail, n, expected FROM verdicts")
    assert {key: verdict[key] for key in ("verdict", "reason", "n", "expected")} == {
        "verdict": "inconclusive", "reason": "a case", "n": 1, "expected": "open",
    }  # fmt: skip
    assert verdict["detail"].startswith("seen once: ") and "lies inside the bound > 1 (log); the null" in verdict["detail"]
    assert f"why more-principal [own]: {verdict['detail'][:30]}" in done.stdout
    [row] = suite.query("SELECT DISTINCT model, scale, run_keys FROM measurements")
    assert (row["model"], row["scale"]) == (asked[1], "own")
    assert [key.partition("@")[0] for key in row["run_keys"]] == [asked[3].partition("=")[2], asked[5].partition("=")[2]]


def test_replicates_are_judged_like_any_others(suite, tuned):
    done = suite.write(BODY).run(*tuned(3))
    assert done.returncode == 0, done.stdout + done.stderr
    [verdict] = suite.query("SELECT verdict, n, method, null_verdict, plant_verdict FROM verdicts")
    assert (verdict["verdict"], verdict["n"], verdict["method"]) == ("supported", 3, "t")
    assert verdict["null_verdict"] != "supported" and verdict["plant_verdict"] == "supported"


def test_a_case_comes_out_again_as_stored(suite, tuned):
    suite.write(BODY).run(*tuned(1))
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "rejudge", "--results", str(suite.results)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "verdicts as stored: 1" in done.stdout, done.stdout + done.stderr


def test_another_session_may_be_on_other_checkpoints_so_nothing_is_a_flip(suite, checkpoint, tuned, noise):
    asked = tuned(3)
    suite.write(BODY).run(*asked)
    swapped = [text.replace("rlvr=", "x=").replace("sft=", "rlvr=").replace("x=", "sft=") for text in asked]
    done = suite.run(*swapped)
    assert suite.query("SELECT verdict FROM verdicts ORDER BY run_id")[0] == {"verdict": "supported"}
    assert "!" not in done.stdout.partition("claims: ")[2].partition("skipped")[0] and suite.query("FROM flips") == []


WRONG = {
    "no-tuned": (lambda asked: asked[:2], "--claim-base needs checkpoints that were tuned from it"),
    "no-base": (lambda asked: asked[2:], "--claim-tuned needs the checkpoint that was tuned"),
    "scale": (lambda asked: [*asked, "--claim-scale", "tiny"], "your own checkpoints are a scale of their own; drop --claim-scale"),
    "model": (lambda asked: [*asked, "--claim-model", "m"], "your own checkpoints are a scale of their own; drop --claim-model"),
    "seeds": (lambda asked: [*asked, "--claim-seeds", "5"], "the replicates are the checkpoints; drop --claim-seeds"),
    "seed-base": (lambda asked: [*asked, "--claim-seed-base", "7"], "the replicates are the checkpoints; drop --claim-seed-base"),
    "regex": (lambda asked: [*asked, "--claim-where", "("], "no regular expression"),
    "where": (lambda asked: [*asked, "--claim-where", "attention"], "selects none of 4 matrices"),
    "file": (lambda asked: [*asked, "--claim-tuned", f"rlvr_twin={asked[1]}/config.json"], "is a file of another kind"),
    "shapes": (lambda asked: [*asked[:2], "--claim-tuned", "rlvr=narrow"], "share no matrix of equal shape"),
}


@pytest.mark.parametrize(
    ("name", "workers"), [*((name, "0") for name in WRONG), ("no-base", "2"), ("shapes", "2")], ids="{}".format
)
def test_a_wrong_option_is_refused_in_one_sentence(suite, checkpoint, tuned, noise, name, workers):
    change, sentence = WRONG[name]
    checkpoint("narrow", noise, rows=40)
    done = suite.write(BODY).run(*change(tuned(1)), "-n", workers)
    text = done.stdout + done.stderr
    assert done.returncode == 4, text
    assert sentence in text and "INTERNALERROR" not in text and "Traceback" not in text
    assert not suite.results.exists() or not list(suite.results.rglob("*.parquet"))


def test_ini_defaults_give_way(suite, tuned):
    text = (suite.folder / "pyproject.toml").read_text()
    (suite.folder / "pyproject.toml").write_text(text + 'claim_seeds = "3"\nclaim_scale = "tiny"\n')
    suite.write(BODY).run(*tuned(1))
    assert suite.query("SELECT scale, n FROM verdicts") == [{"scale": "own", "n": 1}]


def test_the_plan_says_what_would_be_skipped_and_opens_nothing(suite, tuned):
    done = suite.write(BODY).run(*tuned(1), "--claim-plan")
    assert done.returncode == 0 and "skip toy/raft-too [own]: needs the arm raft" in done.stdout
    assert "0 runs, 0 cached" in done.stdout and not suite.results.exists()


def test_an_arm_that_no_claim_takes_and_matrices_left_out_are_told(suite, checkpoint, tuned, noise):
    turn = iter(range(4))
    frozen = checkpoint("frozen", lambda w0, draw: w0 if next(turn) == 0 else noise(w0, draw))
    done = suite.write(BODY).run(*tuned(1), "--claim-tuned", f"rlvr_lr10={frozen}")
    assert "note [own]: 1 of 4 matrices left out: a checkpoint has them as the base does" in done.stdout
    assert done.stdout.count("matrices left out") == 1
    assert "note [own]: no claim that was selected takes rlvr_lr10" in done.stdout


def test_the_suite_of_a_paper_runs_on_checkpoints(tmp_path, tuned):
    """A few quick claims of the real suite: cases, with the controls that each declares."""
    quick = "spectrum_preserved or sft_distorts or energy_off_principal or fp32_master or wedin_holds or rlvr_learns"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "suites/path_not_taken", "-m", "claim", "-k", quick, "-p", "no:cacheprovider"]
        + [*tuned(1), "--claim-results", str(tmp_path / "results")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0 and "2 skipped" in done.stdout and "4 inconclusive" in done.stdout, done.stdout + done.stderr
    assert sum("INCONCLUSIVE" in line and line.rstrip().endswith("a case") for line in done.stdout.splitlines()) == 4
    assert "note [own]: no noise floor" in done.stdout and 'what settles "a case"' in done.stdout
    assert "needs snapshots along the training of rlvr" in done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if " own " in line}
    assert float(lines["energy-off-principal"].split()[3]) > 10  # the planted update is principal
