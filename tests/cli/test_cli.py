import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import harness
import harness.claims as hc
import pytest
from harness import cli
from harness.store.writer import Session, table_path


def commit(folder, verdicts, minute=0):
    began = datetime(2026, 11, 21, 23, 30, tzinfo=UTC) + timedelta(minutes=minute)
    session = Session(folder).open({"git_sha": "ab12cd3ef"})
    shared = {"claim_id": "paper/claim", "scale": "tiny", "paper": "paper", "version": 1, "spec_sha": "s1"}
    value = {"claim_id": "paper/claim", "scale": "tiny", "role": "claim", "seed": 0, "value": 0.25, "status": "ok"}
    run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 1}
    session.commit({"measurements": [value], "verdicts": [shared | row for row in verdicts], "runs": [run]})
    return session.run_id


@pytest.fixture
def claim_row():
    """A row of table claims for a claim that says: below 1."""
    hc.clear()

    def body(rlvr):
        return None

    paper = hc.Paper("paper", arxiv="2511.08567", title="A paper")
    paper.claim("claim", says="s", source="Sec. 1", bound=hc.below(1.0), no_null="-", no_plant="-")(body)
    claim = body.__claim__
    row = {"claim_id": claim.id, "scale": "tiny", "paper": claim.paper, "version": 1, "spec_sha": claim.sha}
    yield row | {"spec": json.dumps(claim.spec()), "status": "measured"}
    hc.clear()


@pytest.fixture
def ask(tmp_path, capsys):
    """ask("query", ...) runs the command on tmp_path; gives (exit code, output, errors)."""

    def run(*arguments):
        try:
            code = cli.main([*arguments, "--results", str(tmp_path)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def test_which_verdicts_changed(tmp_path, ask):
    commit(tmp_path, [{"verdict": "supported", "reason": ""}])
    commit(tmp_path, [{"verdict": "refuted", "reason": ""}], 1)
    code, out, err = ask("query", "select claim_id, previous_verdict, verdict from flips")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["claim_id     previous_verdict  verdict", "paper/claim  supported         refuted"]


@pytest.mark.parametrize("asked", ["explained_by_noise", "from explained_by_noise", "FROM  explained_by_noise;"])
def test_which_claims_noise_explains(tmp_path, ask, asked):
    commit(tmp_path, [{"verdict": "inconclusive", "reason": "null explains it", "null_name": "isotropic"}])
    code, out, _ = ask("query", asked, "--format", "json")
    (row,) = json.loads(out)
    assert code == 0 and (row["claim_id"], row["null_name"]) == ("paper/claim", "isotropic")


def test_evidence_of_one_claim(tmp_path, ask):
    commit(tmp_path, [{"verdict": "supported"}])
    code, out, _ = ask("query", "evidence", "paper/claim", "--format", "csv")
    assert code == 0 and out.splitlines()[1].startswith("tiny,claim,,0,0.25,")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["flip"], "there is no query named 'flip'; did you mean 'flips'?"),
        (["zzz"], "there is no query named 'zzz'; there are runs, claims"),
        (["evidence"], "evidence needs a claim: harness query evidence"),
        (["flips", "paper/claim"], "flips takes no argument, so what is 'paper/claim'?"),
        (["from flips where"], "the query failed: Parser Error"),
        (["select nosuch from flips"], "the query failed: Binder Error"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_bad_query_is_one_message_and_exit_2(ask, arguments, says):
    code, out, err = ask("query", *arguments)
    assert (code, out) == (2, "") and says in err and "Traceback" not in err


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["query", "flips", "--format", "xml"]], ids=" ".join)
def test_usage_errors_exit_2(ask, arguments):
    assert ask(*arguments)[0] == 2


def test_an_empty_store_answers_with_no_rows(ask):
    code, out, err = ask("query", "flips")
    assert code == 0 and out.startswith("claim_id") and err.startswith("no rows: ")


def test_a_truncated_file_is_named(tmp_path, ask):
    path = table_path(tmp_path, "verdicts", commit(tmp_path, [{"verdict": "supported"}]))
    path.write_bytes(path.read_bytes()[:200])
    for command in (["query", "flips"], ["rejudge"]):
        code, out, err = ask(*command)
        assert code == 2 and f"{path} is truncated" in err and len(err.splitlines()) == 1


def test_the_results_folder_comes_from_the_environment(tmp_path, monkeypatch, capsys):
    commit(tmp_path, [{"verdict": "supported"}])
    monkeypatch.setenv("HARNESS_RESULTS", str(tmp_path))
    assert cli.main(["query", "select count(*) as n from verdicts", "--format", "md"]) == 0
    assert capsys.readouterr().out == "| n |\n| --- |\n| 1 |\n"


def test_rejudge_says_what_differs(tmp_path, ask):
    """A verdict without its claim cannot be had again from the store."""
    commit(tmp_path, [{"verdict": "supported"}])
    code, out, _ = ask("rejudge")
    assert code == 1 and "paper/claim  tiny   verdict  supported" in out


def test_rejudge_without_runs(ask):
    code, _, err = ask("rejudge")
    assert code == 2 and "it has no complete run" in err


def commit_claim(folder, claim_row):
    """Three measurements of a claim, and no verdict yet."""
    now = datetime.now(UTC)
    row = {"claim_id": claim_row["claim_id"], "scale": "tiny", "role": "claim", "status": "ok"}
    run = {"started": now, "finished": now, "mode": "dev", "judged": "regression", "schema_version": 1}
    session = Session(folder).open()
    values = [row | {"seed": seed, "value": 0.1 * seed} for seed in range(3)]
    session.commit({"claims": [claim_row], "measurements": values, "runs": [run]})
    return session.run_id


def test_an_altered_spec_exits_3_and_is_never_written(tmp_path, ask, claim_row):
    commit_claim(tmp_path, claim_row | {"spec_sha": "0123456789abcdef"})
    code, out, _ = ask("rejudge", "--write")
    assert code == 3 and "the stored spec does not have its stored hash" in out and "not written" in out
    assert len(list((tmp_path / "runs").glob("*/*.parquet"))) == 1


def test_rejudge_writes_what_differs(tmp_path, ask, claim_row):
    run_id = commit_claim(tmp_path, claim_row)
    code, out, _ = ask("rejudge", "--write")
    assert code == 1 and "written as run" in out
    assert ask("rejudge")[:2] == (0, f"{run_id}: verdicts as stored: 1\n")
    assert ask("query", "select argv[:7] as argv from runs where mode = 'rejudge'", "--format", "csv")[1] == "argv\nharness\n"


def test_a_folder_that_is_not_there_is_not_an_empty_store(tmp_path, capsys):
    assert cli.main(["query", "flips", "--results", str(tmp_path / "reslts")]) == 2
    assert "there is no results folder" in capsys.readouterr().err


def test_recover_with_nothing_to_do(tmp_path, ask):
    assert ask("recover") == (0, f"nothing to recover in {tmp_path}\n", "")


def test_recover_refuses_a_damaged_journal(tmp_path, ask):
    (tmp_path / "inflight").mkdir()
    (tmp_path / "inflight" / "x.jsonl").write_text("no json\n")
    code, out, err = ask("recover")
    assert code == 2 and "is damaged" in err


def commit_judged(folder, claim_row):
    """The claim of `claim_row`, measured and judged."""
    from harness.engine import judging

    now = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    row = {"claim_id": claim_row["claim_id"], "scale": "tiny", "role": "claim", "status": "ok"}
    values = [row | {"seed": seed, "value": 0.1 * seed, "value2": None, "control": None} for seed in range(3)]
    stated = claim_row | {"says": "s", "source": "Sec. 1", "bound": "< 1", "expected": "open"}
    run = {"started": now, "finished": now, "mode": "dev", "judged": "regression", "schema_version": 1}
    Session(folder).open().commit(
        {"claims": [stated], "measurements": values, "verdicts": judging.verdict_rows([stated], values), "runs": [run]}
    )


def test_findings_are_printed_or_written(tmp_path, ask, claim_row):
    commit_judged(tmp_path, claim_row)
    code, page, err = ask("findings", "paper")
    assert (code, err) == (0, "") and page.startswith("# A paper\n") and "| **claim** s. Bound: < 1 | Sec. 1 |" in page
    out = tmp_path / "docs" / "findings" / "paper.md"
    assert ask("findings", "paper", "--out", str(out)) == (0, f"written: {out}\n", "")
    assert out.read_text() == page


def test_findings_of_a_paper_that_is_not_there(tmp_path, ask, claim_row):
    commit_judged(tmp_path, claim_row)
    code, out, err = ask("findings", "papper")
    assert (code, out) == (2, "") and "no claim of the paper 'papper' is judged" in err and len(err.splitlines()) == 1


def test_findings_that_cannot_be_written_are_one_message(tmp_path, ask, claim_row):
    commit_judged(tmp_path, claim_row)
    (tmp_path / "file").write_text("")
    code, out, err = ask("findings", "paper", "--out", str(tmp_path / "file" / "page.md"))
    assert (code, out) == (2, "") and "cannot write" in err and "name another file with --out" in err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"harness {harness.__version__}\n"


def test_the_command_imports_no_torch_and_minds_its_reader(tmp_path):
    """A reader that goes away (head) is no error; torch is not in sys.modules after a query."""
    code = (
        "import sys; from harness import cli\n"
        "code = cli.main(['query', 'select * from range(100000)', '--format', 'csv'])\n"
        "assert not {'torch', 'pytest', 'transformers'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    env = {**os.environ, "HARNESS_RESULTS": str(tmp_path), "PYTHONPATH": os.path.dirname(os.path.dirname(harness.__file__))}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, "")
