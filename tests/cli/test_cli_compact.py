"""`harness compact` says what it merged."""

import re

from harness import cli
from harness.store.writer import table_path


def test_the_current_month_is_kept_until_asked_for(judged, capsys):
    for minute in range(3):
        judged("drifts", minute=minute)
    results = ["--results", str(judged.folder)]
    first = cli.main(["compact", *results]), capsys.readouterr().out
    code, out = cli.main(["compact", "--all", *results]), capsys.readouterr().out
    said = r"\d{4}-\d\d: 3 sessions, 12 files of \d.\d MB merged into 4 files of \d.\d MB\n"
    assert code == 0 and (re.fullmatch(said, out) or re.fullmatch(said, first[1]))
    assert cli.main(["compact", "--all", *results]) == 0 and capsys.readouterr().out == f"nothing to merge in {judged.folder}\n"
    assert cli.main(["query", "select count(*) as n from runs", "--format", "csv", *results]) == 0
    assert capsys.readouterr().out == "n\n3\n"


def test_a_damaged_file_is_one_message_and_exit_2(judged, capsys):
    path = table_path(judged.folder, "verdicts", judged("drifts"))
    judged("drifts", minute=1)
    path.write_bytes(path.read_bytes()[:100])
    assert cli.main(["compact", "--all", "--results", str(judged.folder)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and f"{path} is truncated" in err and len(err.splitlines()) == 1
