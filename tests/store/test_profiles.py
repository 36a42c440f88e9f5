"""Table `profiles`: written and read back, absent from older stores, and its newest rows by subject."""

import pyarrow as pa
import pytest
from harness.errors import StoreError
from harness.store import schema, writer
from harness.store.reader import query


def curve(subject="rlvr seed 0 [tiny]", kind="drift", **given):
    row = {"subject": subject, "step": 10, "matrix": "layers.0.mlp.up_proj", "layer": 0, "module": "mlp.up_proj", "kind": kind}
    return row | {"x": [1, 2], "y": [0.5, None], "reference": [0.25], "status": "ok"} | given


def test_a_curve_is_read_back(store):
    run_id = store(profiles=[curve(), curve(kind="energy", x=None, y=[1.0] * 6, rows=2, cols=3)])
    found = query(store.folder, "select run_id, kind, x, y, reference, rows, cols from profiles order by kind").to_pylist()
    lists = {"x": [1.0, 2.0], "y": [0.5, None], "reference": [0.25]}
    assert found[0] == {"run_id": run_id, "kind": "drift", **lists, "rows": None, "cols": None}
    assert (found[1]["x"], found[1]["rows"], found[1]["cols"]) == (None, 2, 3)


def test_types_are_pinned():
    profiles = schema.schema("profiles")
    assert profiles.field("y").type == pa.list_(pa.float64()) and profiles.field("step").type == pa.int64()
    assert [name for name, column in schema.columns("profiles").items() if not column.nullable] == [
        "run_id", "subject", "step", "matrix", "kind", "status",
    ]  # fmt: skip


@pytest.mark.parametrize("missing", ["subject", "step", "matrix", "kind", "status"])
def test_a_row_without_its_subject_is_refused(store, missing):
    row = curve()
    del row[missing]
    with pytest.raises(StoreError, match=f"a row of table profiles lacks '{missing}'"):
        store(profiles=[row])


def test_what_is_not_finite_must_say_so(store):
    with pytest.raises(StoreError, match="must have status 'nonfinite'"):
        store(profiles=[curve(y=[float("nan")])])
    store(profiles=[curve(y=[float("nan"), 1.0], status="nonfinite")])
    assert query(store.folder, "select y from profiles").to_pylist() == [{"y": [None, 1.0]}]


def test_a_store_of_before_has_none(store, rows):
    """A session of schema 1: no such folder."""
    run_id = store(verdicts=[rows.verdict_row()])
    assert not (store.folder / "profiles").exists()
    for view in ("profiles", "latest_profile"):
        assert query(store.folder, f"from {view}").num_rows == 0
    assert query(store.folder, "select run_id from latest_verdict").to_pylist() == [{"run_id": run_id}]


def test_a_profile_whose_session_did_not_end_is_invisible(store):
    run_id = store(profiles=[curve()])
    writer.table_path(store.folder, "runs", run_id).unlink()
    for view in ("profiles", "latest_profile"):
        assert query(store.folder, f"from {view}").num_rows == 0


def test_the_latest_profile_is_the_newest_row_of_each_curve(store):
    """Of a subject that was profiled again at one step, that step is new and the other stays; modules have a curve each."""
    layers = [curve(kind="layer_nss", matrix="", layer=None, module=module) for module in ("mlp.up_proj", "self_attn.q_proj")]
    old = store(0, profiles=[curve(step=1), curve(step=10), *layers, curve("other")])
    new = store(1, profiles=[curve(step=10, y=[0.7, 0.8])])
    found = query(store.folder, "from latest_profile").to_pylist()
    by = {(row["subject"], row["step"], row["kind"], row["module"]): row["run_id"] for row in found}
    mine = "rlvr seed 0 [tiny]"
    assert len(found) == len(by) == 5
    assert by[mine, 1, "drift", "mlp.up_proj"] == old and by[mine, 10, "drift", "mlp.up_proj"] == new
    assert by[mine, 10, "layer_nss", "self_attn.q_proj"] == old and by["other", 10, "drift", "mlp.up_proj"] == old


def test_one_of_two_sessions_of_one_second_is_taken(store):
    runs = sorted(store(0, profiles=[curve()]) for _ in range(2))
    assert query(store.folder, "select run_id from latest_profile").to_pylist() == [{"run_id": runs[1]}]
