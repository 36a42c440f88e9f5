"""`harness compare --baseline`: exit codes, formats, the job summary, and bad input in one sentence."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from harness import cli
from harness.store.baseline import write_baseline
from harness.store.writer import Session, table_path

ROW = {"claim_id": "paper/claim", "scale": "tiny", "paper": "paper", "version": 1, "spec_sha": "s1", "reason": "", "n": 5}
ROW |= {"estimate": 0.5, "expected": "supported", "bound": "> 0.1"}


def commit(folder, verdict, minute=0, **given):
    began = datetime(2026, 11, 22, 3, tzinfo=UTC) + timedelta(minutes=minute)
    run = {"started": began, "finished": began, "mode": "ci", "judged": "regression", "schema_version": 2}
    session = Session(folder).open()
    session.commit({"verdicts": [ROW | {"verdict": verdict} | given], "runs": [run]})
    return session.run_id


@pytest.fixture
def compare(tmp_path, capsys):
    """compare(...) runs the command on a store whose baseline says: supported; gives (exit code, output, errors)."""
    commit(tmp_path / "before", "supported")
    store = tmp_path / "results"
    shutil.copytree(write_baseline(tmp_path / "before").parent, store / "baseline")

    def run(*arguments):
        given = ["compare", "--results", str(store), "--suites", str(tmp_path / "nosuites"), *map(str, arguments)]
        try:
            code = cli.main(given)
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    run.store = store
    return run


@pytest.mark.parametrize(
    ("now", "code", "says"),
    [
        ({"verdict": "supported"}, 0, "as expected; 1 of 1 verdicts as in the baseline"),
        ({"verdict": "refuted"}, 1, "1 flip; 0 of 1"),
        ({"verdict": "supported", "spec_sha": "s2"}, 3, "1 changed spec; 0 of 0"),
        ({"verdict": "supported", "claim_id": "paper/other"}, 5, "nothing to compare"),
        (None, 5, "nothing to compare"),
    ],
    ids=["as-expected", "flip", "spec", "other-claim", "empty-store"],
)
def test_exit_codes(compare, now, code, says):
    if now:
        commit(compare.store, **now)
    given, out, err = compare("--baseline")
    assert (given, err) == (code, "") and says in out


def test_the_baseline_of_another_place_and_a_single_session(compare, tmp_path):
    first = commit(compare.store, "refuted")
    commit(compare.store, "supported", 1)
    other = tmp_path / "before" / "baseline" / "verdicts.parquet"
    assert compare("--baseline", other)[0] == 0
    code, out, _ = compare("--baseline", "--run", first)
    assert code == 1 and "FLIP paper/claim [tiny]: supported -> refuted" in out


def test_the_summary_is_appended(compare, tmp_path):
    page = tmp_path / "summary.md"
    page.write_text("# Night\n")
    commit(compare.store, "refuted")
    code, out, _ = compare("--baseline", "--summary", page, "--format", "json")
    assert code == 1 and json.loads(out)["code"] == 1
    assert page.read_text().startswith("# Night\n### 1 flip; 0 of 1")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--baseline", "nosuch.parquet"], "there is no baseline nosuch.parquet"),
        (["--baseline", "--run", "x"], "'x' is no run"),
        (["--baseline", "--format", "xml"], "invalid choice"),
        (["--baseline", "--summary", "no/such/folder.md"], "cannot write no/such/folder.md"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_2(compare, arguments, says):
    commit(compare.store, "refuted")
    code, out, err = compare(*arguments)
    assert (code, out) == (2, "") and says in err and "Traceback" not in err


def test_a_damaged_store_is_named(compare):
    path = table_path(compare.store, "verdicts", commit(compare.store, "supported"))
    path.write_bytes(path.read_bytes()[:80])
    code, out, err = compare("--baseline")
    assert code == 2 and f"{path} is truncated" in err and len(err.splitlines()) == 1


def test_claims_that_the_suites_declare_are_known(compare, tmp_path, monkeypatch):
    """What was removed is told from what was not measured; a file that cannot be imported is named."""
    import harness.claims as hc

    hc.clear()
    folder = tmp_path / "suites_of_a_test" / "one"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text(
        "import harness as h\nPAPER = h.Paper('one', arxiv='', title='One')\n\n\n"
        "@PAPER.claim('c', says='s', source='x', bound=h.exact(1), no_null='-', no_plant='-', expect={'tiny': 'open'})\n"
        "def test_c(rng):\n    return 1\n"
    )
    code, out, _ = compare("--baseline", "--suites", folder.parent)
    assert code == 5 and "removed since the baseline: 1: paper/claim [tiny]" in out
    (folder / "test_two.py").write_text("import nosuchmodule\n")
    code, _, err = compare("--baseline", "--suites", folder.parent)
    assert code == 2 and "test_two.py cannot be imported (ModuleNotFoundError: No module named 'nosuchmodule')" in err
    hc.clear()
