import pytest
from harness import cli
from harness.report.html import shell
from harness.store.writer import table_path

pytest.importorskip("altair")
pytest.importorskip("vl_convert")


@pytest.fixture
def report(tmp_path, capsys):
    """report(results, "--title", ...) runs the command; gives (exit code, output, errors)."""

    def run(results, *arguments, out=tmp_path / "made" / "report.html"):
        code = cli.main(["report", "--results", str(results), "--out", str(out), *arguments])
        return code, *capsys.readouterr()

    run.out = tmp_path / "made" / "report.html"
    return run


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_an_empty_store_makes_a_page(results, report):
    code, out, err = report(results, "--title", "Mine & <yours>")
    assert (code, err) == (0, "")
    assert out.startswith(f"written: {report.out} (")
    page = report.out.read_text(encoding="utf-8")
    assert "<title>Mine &amp; &lt;yours&gt;</title>" in page
    assert page.rstrip().endswith("</html>")


def test_no_results_folder(tmp_path, report):
    code, out, err = report(tmp_path / "none")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and "there is no results folder" in err


def test_a_file_that_cannot_be_written(tmp_path, results, report):
    (tmp_path / "file").write_text("kept")
    code, out, err = report(results, out=tmp_path / "file" / "report.html")
    assert (code, out) == (2, "")
    where = f"{tmp_path}/file"
    assert err == f"harness: cannot write {where}/report.html: {where} is not a folder; name another file with --out\n"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_is_no_file(tmp_path, results, report):
    (tmp_path / "folder").mkdir()
    code, _, err = report(results, out=tmp_path / "folder")
    assert code == 2 and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_damaged_store_leaves_the_last_report(tmp_path, results, report):
    assert report(results)[0] == 0
    before = report.out.read_bytes()
    broken = table_path(results, "runs", "20261121T233010Z-ab12cd3-0000")
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PAR1")
    code, _, err = report(results)
    assert code == 2 and "is truncated or not a Parquet file" in err
    assert report.out.read_bytes() == before
    assert [path.name for path in report.out.parent.iterdir()] == ["report.html"]


def test_what_to_install(results, report, monkeypatch):
    monkeypatch.setattr(shell, "find_spec", lambda name: None)
    code, out, err = report(results)
    assert (code, out) == (2, "")
    assert err == (
        "harness: a report needs altair and jinja2 and vl-convert-python, which this Python lacks: "
        "pip install 'spectral-claims[report]'\n"
    )
    assert not report.out.exists()
