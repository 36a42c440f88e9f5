"""Formats, files, parameters and refusals of `harness query`."""

import json

import pyarrow.parquet as pq
import pytest
from harness import cli


@pytest.fixture
def asked(judged, capsys):
    """asked("query", ...) on a store of two claims judged twice: (exit code, output, errors)."""
    judged("drifts", "hides")
    judged("drifts", minute=1, shift=1.0)

    def run(*arguments):
        try:
            code = cli.main(["query", *arguments, "--results", str(judged.folder)])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    run.folder = judged.folder
    return run


def test_without_a_name_it_lists_what_can_be_asked(asked):
    code, out, err = asked()
    lines = dict(line.split("  ", 1) for line in out.splitlines()[1:])
    assert (code, err) == (0, "") and lines["versions [LIBRARY]"].strip() == "What changed between two versions of a library?"
    assert "evidence CLAIM" in lines and lines["profiles"].strip() == "a table" and lines["standing"].strip() == "a view"
    assert json.loads(asked("--format", "json")[1])[0].keys() == {"name", "answers"}


@pytest.mark.parametrize("name", ["flips", "cost", "to-settle", "slowest-arms", "noise-explains"])
def test_a_named_query(asked, name):
    code, out, _ = asked(name)
    assert code == 0 and len(out.splitlines()) >= 1


def test_flips_in_every_format(asked):
    sql = "select claim_id, previous_verdict, verdict, [1.5, null] as list from flips"
    assert asked(sql)[1].splitlines()[1].split() == ["paper/drifts", "supported", "refuted", "[1.5,", "]"]
    assert asked(sql, "--format", "csv")[1].splitlines()[1] == 'paper/drifts,supported,refuted,"[1.5, null]"'
    assert json.loads(asked(sql, "--format", "json")[1])[0]["list"] == [1.5, None]
    assert asked(sql, "--format", "md")[1].splitlines()[1] == "| --- | --- | --- | --- |"


def test_files_that_are_merged_after_they_were_listed_are_asked_for_again(asked, monkeypatch):
    from harness.store import guard
    from harness.store.compact import compact

    connected, opened = guard.connect, []

    def then_merged(results, **settings):
        opened.append(connected(results, **settings))
        compact(results, every_month=True)
        return opened[-1]

    monkeypatch.setattr(guard, "connect", then_merged)
    code, out, err = asked("select count(*) as n from verdicts", "--format", "csv")
    assert (code, out.split(), err, len(opened)) == (0, ["n", "3"], "", 2)


def test_a_store_of_many_files_is_told_what_makes_it_fast(asked, monkeypatch):
    from harness import cli_query

    assert asked("from verdicts")[2] == ""
    monkeypatch.setattr(cli_query, "MANY", 1)
    assert asked("from verdicts")[2].startswith("2 session files: `harness compact` merges")


@pytest.mark.parametrize("ending", ["csv", "json", "md", "txt", "parquet"])
def test_a_file_is_written_in_the_format_of_its_name(asked, tmp_path, ending):
    out = tmp_path / f"flips.{ending}"
    code, printed, err = asked("flips", "--out", str(out))
    assert (code, printed, err) == (0, "", f"written: {out} (1 row)\n") and not list(tmp_path.glob("*.tmp"))
    if ending == "parquet":
        assert pq.read_table(out)["verdict"].to_pylist() == ["refuted"]
    else:
        assert out.read_text().strip() == asked("flips", "--format", "table" if ending == "txt" else ending)[1].strip()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["flips", "--format", "parquet"], "name a file with --out FILE"),
        (["flips", "--out", "nowhere/x.csv"], "cannot write nowhere/x.csv"),
        (["cost", "--set", "limt=3"], "cost has no parameter 'limt'; did you mean 'limit'?"),
        (["cost", "--set", "limit"], "--set limit: write KEY=VALUE"),
        (["cost", "--set", "limit=x"], "limit=x: give a whole number"),
        (["verdicts", "--set", "limit=3"], "only named queries take --set"),
        (["verdicts", "x"], "only named queries take arguments"),
        (["flps"], "did you mean 'flips'?"),
        (["slowest_arms"], "did you mean 'slowest-arms'?"),
        (["evidence"], "evidence needs a claim: harness query evidence CLAIM"),
        (["select 1", "--show"], "--show is for named queries"),
        (["copy runs to 'x.csv'"], "the query writes (COPY), and without --write DIR the store is only read"),
        (["with x as (copy runs to 'x.csv') from x"], "the query writes (COPY)"),
        (["from runs", "--write", "nowhere"], "--write nowhere: there is no such folder"),
        (["select vrdict from verdicts"], 'there is no column "vrdict" here; did you mean "verdict"?\n  select vrdict from verdicts\n         ^'),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_message_and_exit_2(asked, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = asked(*arguments)
    assert (code, out) == (2, "") and says in err and "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_written_into_the_results(asked):
    out = asked.folder / "runs" / "mine.parquet"
    code, _, err = asked("flips", "--out", str(out))
    assert code == 2 and "lies in the results folder, where only sessions write" in err and not out.exists()


def test_write_lets_sql_write_in_a_folder(asked, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    code, out, err = asked(f"copy flips to '{folder}/flips.csv'", "--write", str(folder))
    assert (code, err) == (0, "") and "paper/drifts" in (folder / "flips.csv").read_text()
    assert asked(f"copy flips to '{tmp_path}/flips.csv'", "--write", str(folder))[0] == 2


def test_show_prints_the_file(asked):
    code, out, _ = asked("flips", "--show")
    assert code == 0 and out.startswith("-- Which verdicts changed?") and "FROM flips" in out


def test_a_query_without_rows_says_what_that_means(asked):
    assert asked("versions", "torch")[2] == "no rows: no claim was judged under two versions of a library, or none came out otherwise\n"
    assert asked("versions", "--format", "json")[1:] == ("[]\n", "")
