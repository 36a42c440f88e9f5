import pyarrow.parquet as pq
import pytest
from harness.report.html import data
from harness.report.html.columnar import from_columns
from harness.store.reader import connect
from harness.store.schema import columns


def made(folder):
    with connect(folder) as connection:
        return data.blocks(connection)


def rows(table):
    words = table["strings"]
    told = {
        name: [value if name not in words or value is None else words[name][value] for value in values]
        for name, values in table["columns"].items()
    }
    return [dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True)]


def test_a_claim_with_its_values(judged):
    run_id = judged("drifts", "hides")
    blocks = made(judged.folder)
    drifts, hides = rows(blocks["claims"])
    assert (drifts["claim_id"], drifts["verdict"], hides["reason"]) == ("paper/drifts", "supported", "null explains it")
    assert rows(blocks["runs"])[drifts["session"]]["run_id"] == run_id
    series = [row for row in rows(blocks["values"]) if row["claim"] == 0]
    shown = [(row["role"], row["control"]) for row in series]
    assert shown == [("claim", None), ("null", "isotropic"), ("plant", "scaled_spectrum")]
    assert series[0]["seeds"] == "0 1 2 3 4" and series[0]["values"] == [0.5, 0.53, 0.56, 0.59, 0.62]
    assert blocks["specs_of_claims"][blocks["details"]["columns"]["spec"][0]]["bound"]["kind"] == "below"
    assert blocks["page"]["papers"]["paper"] == {"title": "A paper | with a bar", "arxiv": "2511.08567"}


def test_what_a_session_changed(judged):
    judged("drifts", "turns")
    judged("drifts", "turns", "hides", minute=5, shift=5.0)
    blocks = made(judged.folder)
    ids = blocks["claims"]["strings"]["claim_id"]
    found = rows(blocks["changes"])
    named = {(ids[row["claim"]], row["kind"], row["previous_verdict"], row["verdict"]) for row in found}
    assert named == {("paper/drifts", "flip", "supported", "refuted"), ("paper/hides", "new", None, "refuted")}


def test_a_page_says_how_many_changes_it_keeps(judged, monkeypatch):
    judged("drifts", "turns")
    judged("drifts", "turns", minute=5, shift=5.0)
    assert made(judged.folder)["page"]["changes_kept"] is None
    monkeypatch.setattr(data, "MOST", 1)
    assert made(judged.folder)["page"]["changes_kept"] == 1


def test_what_would_settle_it_is_what_the_terminal_says(judged):
    judged("drifts", "hides")
    drifts, hides = made(judged.folder)["details"]["columns"]["settles"]
    assert drifts is None and hides.startswith("more seeds do not")


def test_the_first_session_is_not_news(judged):
    judged("drifts", "turns")
    assert rows(made(judged.folder)["changes"]) == []


def test_a_claim_that_a_later_session_left_out_is_gone(judged):
    judged("drifts", "turns", "hides")
    judged("drifts", "turns", minute=5)
    assert {row["claim_id"]: row["gone"] for row in rows(made(judged.folder)["claims"])} == {
        "paper/drifts": None, "paper/hides": 1, "paper/turns": None,
    }  # fmt: skip


@pytest.mark.parametrize("argv, is_gone", [
    ("pytest suites/ -m claim", True), ("pytest suites/paper -m claim", True), ("pytest suites/ -m claim -k drifts", False),
    ("pytest suites/paper/test_one.py -m claim", False), ("pytest suites/ -m claim(id='drifts')", False),
    ("pytest suites/other -m claim", False), ("pytest suites/ -m claim(paper='other')", False),
])  # fmt: skip
def test_only_a_session_that_went_over_the_suite_makes_a_claim_gone(store, argv, is_gone):
    node = {name: f"suites/paper/test_one.py::test_{name}" for name in ("drifts", "turns")}
    other = store.claim("other/one", nodeid="suites/other/test_two.py::test_one")
    store(0, "pytest suites/ -m claim", [store.claim(f"paper/{name}", nodeid=node[name]) for name in node] + [other])
    judged = [other] if "other" in argv else [store.claim("paper/drifts", nodeid=node["drifts"])]
    store(5, argv, judged)
    gone = {row["claim_id"]: row["gone"] is not None for row in rows(made(store.folder)["claims"])}
    assert gone["paper/turns"] is is_gone
    assert gone["paper/drifts"] is False


def test_what_only_nightly_measures_is_not_gone_by_day(store):
    claims = [store.claim(f"paper/{name}", nodeid=f"suites/paper/test.py::{name}") for name in ("fast", "slow")]
    store(0, "pytest suites/ -m claim --claim-nightly", claims)
    store(5, "pytest suites/ -m claim", claims[:1])
    assert [row["gone"] for row in rows(made(store.folder)["claims"])] == [None, None]
    store(9, "pytest suites/ -m claim --claim-nightly", claims[:1])
    assert [row["gone"] for row in rows(made(store.folder)["claims"])] == [None, 2]


def test_a_skipped_claim_has_its_reason(judged):
    judged("drifts", skip=("turns",))
    told = {row["claim_id"]: (row["verdict"], row["status"], row["reason"]) for row in rows(made(judged.folder)["claims"])}
    assert told["paper/turns"] == ("not judged", "skipped", "needs a GPU")


def test_an_empty_store(tmp_path):
    blocks = made(tmp_path)
    assert blocks["claims"]["n"] == 0 and blocks["page"]["scales"] == []


def test_a_store_of_an_older_schema(judged):
    """Every column that may be missing is: what is left still makes a page."""
    judged("drifts", "turns")
    for path in judged.folder.glob("*/*/*.parquet"):
        kept = [name for name, column in columns(path.parts[-3]).items() if not column.nullable]
        table = pq.read_table(path)
        pq.write_table(table.select(kept), path)
    blocks = made(judged.folder)
    first = rows(blocks["claims"])[0]
    assert (first["claim_id"], first["verdict"]) == ("paper/drifts", "supported")
    assert (first["says"], first["bound"], first["estimate"]) == ("", "", None)


def test_above_a_limit_specs_stay_in_the_store(judged, monkeypatch):
    judged("drifts", "turns")
    monkeypatch.setattr(data, "LARGE", 1)
    blocks = made(judged.folder)
    assert blocks["page"]["large"] == 1 and blocks["keys"] is None
    bound = {"equals": None, "high": 1.0, "kind": "below", "low": None, "margin": None, "on": "identity"}
    assert blocks["specs_of_claims"] == [{"bound": bound}]


def test_history_is_cut_and_says_so(judged, monkeypatch):
    monkeypatch.setattr(data, "HISTORY", 3)
    for minute in range(4):
        judged("drifts", minute=minute)
    blocks = made(judged.folder)
    assert [row["session"] for row in rows(blocks["history"])] == [1, 2, 3]
    assert blocks["page"]["history"] == 3


def test_keys_are_stored_once():
    import pyarrow as pa

    table = pa.table({"claim": [0, 0], "seed": [0, 1], "run_keys": [["a", "b"], ["a", "c"]]})
    coded = from_columns({"claim": [0, 0], "seed": [0, 1], "keys": [[0, 1], [0, 2]]})
    assert data._keys(table) == coded | {"words": ["a", "b", "c"]}


@pytest.fixture
def store(tmp_path):
    """store(minute, argv, claims) commits a session in which all of these claims were supported."""
    from datetime import UTC, datetime, timedelta

    from harness.store.writer import Session

    def claim(claim_id, **given):
        paper = claim_id.partition("/")[0]
        return {"claim_id": claim_id, "scale": "tiny", "paper": paper, "version": 1, "spec_sha": "s1"} | given

    def commit(minute, argv, claims):
        began = datetime(2026, 11, 21, 23, 30, tzinfo=UTC) + timedelta(minutes=minute)
        run = {"started": began, "finished": began, "mode": "dev", "judged": "regression", "schema_version": 1, "argv": argv}
        session = Session(commit.folder).open({"git_sha": "ab12cd3ef"})
        judged = {"verdict": "supported", "reason": ""}
        verdicts = [{name: row[name] for name in row if name != "nodeid"} | judged for row in claims]
        stated = [row | {"spec": "{}", "status": "measured"} for row in claims]
        session.commit({"claims": stated, "verdicts": verdicts, "runs": [run | {"scales": ["tiny"]}]})
        return session.run_id

    commit.folder, commit.claim = tmp_path / "results", claim
    return commit
