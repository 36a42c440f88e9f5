"""`harness diff` from folders to rows: what is planted is called by its name, a killed diff goes on where it was."""

import json

import pytest
import torch
from harness import nulls
from harness.engine.diff import Asked, diff
from harness.engine.diff_workers import Measuring
from harness.engine.recover import recover
from harness.errors import ModelError
from harness.models import tiny
from harness.models.quiet import quiet_transformers
from harness.models.weights import projections
from harness.report.diff_summary import verdict
from harness.spectra import Change
from harness.store.reader import query

WHERE = r"layers\.0\.(mlp|self_attn\.q)"


def save(model, folder, dtype=torch.float32):
    with quiet_transformers():
        model.to(dtype).save_pretrained(folder)
    return str(folder)


def tuned_by(update, folder, relative=1e-2):
    """The base with this update (a function of a Change and a generator) at a relative norm in every matrix."""
    model = tiny.build(0).model
    own = dict(model.named_parameters())
    matrices = {each.name: own[each.tensor] for each in projections({name: p.ndim for name, p in own.items()})}
    base = {name: p.detach().clone() for name, p in matrices.items()}
    size = Change(base, {name: relative * w.double() for name, w in base.items()})
    made = update(size, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for name, p in matrices.items():
            p.copy_(made.tuned()[name])
    return save(model, folder)


@pytest.fixture
def base(tmp_path):
    return save(tiny.build(0).model, tmp_path / "base")


def said(base, tuned, tmp_path, **given):
    done = diff(Asked(base, tuned, WHERE, **given), tmp_path / "results", processes=1)
    return verdict(done.rows)


def test_what_was_planted_is_called_by_its_name(base, tmp_path):
    assert said(base, base, tmp_path).startswith("EQUAL")
    stored = save(tiny.build(0).model, tmp_path / "bf16", torch.bfloat16)
    assert said(base, stored, tmp_path).startswith("ROUNDING")
    assert said(base, tuned_by(nulls.isotropic, tmp_path / "noise"), tmp_path).startswith("RANDOM")
    principal = tuned_by(lambda size, g: nulls.apply("principal_block", size, g), tmp_path / "principal")
    assert said(base, principal, tmp_path).startswith("PRINCIPAL")
    off = tuned_by(lambda size, g: nulls.apply("off_principal", size, g), tmp_path / "off")
    assert said(base, off, tmp_path).startswith("OFF-PRINCIPAL")
    assert said(base, save(tiny.build(1).model, tmp_path / "other"), tmp_path).startswith("STRANGER")


def test_rows_are_in_the_store_with_names_formats_and_nulls(base, tmp_path):
    tuned = tuned_by(nulls.isotropic, tmp_path / "noise", relative=1e-3)
    done = diff(Asked(base, tuned, WHERE, draws=2), tmp_path / "results", processes=1)
    rows = query(tmp_path / "results", "from matrices where metric = 'relative_norm' order by name").to_pylist()
    assert [row["name"] for row in rows] == ["layers.0.mlp.down_proj", "layers.0.mlp.gate_proj", "layers.0.mlp.up_proj", "layers.0.self_attn.q_proj"]
    assert all(row["value"] == pytest.approx(1e-3, rel=1e-3) and row["base_dtype"] == "float32" for row in rows)
    assert (rows[0]["rows"], rows[0]["cols"], rows[0]["layer"], rows[0]["module"]) == (64, 160, 0, "mlp.down_proj")
    kappa = query(tmp_path / "results", "from matrices where metric = 'kappa'").to_pylist()
    assert all(row["null_draws"] == 2 and row["null_name"] == "isotropic" and row["chance"] == 1.0 for row in kappa)
    run = query(tmp_path / "results", "from runs").to_pylist()
    assert [(row["run_id"], row["mode"], row["measured"]) for row in run] == [(done.run_id, "diff", 4)]


def test_two_processes_give_the_rows_of_one(base, tmp_path):
    """The same draws; LAPACK rounds by where a matrix lies in memory, which an angle over a gap of .03 shows in its tenth digit."""
    tuned = tuned_by(nulls.isotropic, tmp_path / "noise")
    plain = [diff(Asked(base, tuned, WHERE), tmp_path / f"results{n}", processes=n).rows for n in (1, 2)]
    for one, other in zip(*plain, strict=True):
        assert (one["name"], one["metric"], one["status"]) == (other["name"], other["metric"], other["status"])
        for column in ("value", "null_mean"):
            assert (one.get(column) or 0.0) == pytest.approx(other.get(column) or 0.0, rel=1e-6)


def test_a_killed_diff_measures_only_what_is_missing(base, tmp_path, monkeypatch):
    tuned, seen = tuned_by(nulls.isotropic, tmp_path / "noise"), []
    real = Measuring.__call__

    def dies(self, task):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(task.name)
        return real(self, task)

    monkeypatch.setattr(Measuring, "__call__", dies)
    with pytest.raises(KeyboardInterrupt):
        diff(Asked(base, tuned, WHERE), tmp_path / "results", processes=1)
    [journal] = (tmp_path / "results" / "inflight").iterdir()
    assert recover(tmp_path / "results") == []  # no session's journal: only the same diff goes on with it
    journal.write_text(journal.read_text() + json.dumps({"name": "layers.0.x"})[:-4])  # a line that was being written
    monkeypatch.setattr(Measuring, "__call__", lambda self, task: seen.append(task.name) or real(self, task))
    done = diff(Asked(base, tuned, WHERE), tmp_path / "results", processes=1)
    assert len(seen) == len(set(seen)) == 4
    assert len({row["name"] for row in done.rows}) == 4 and not list((tmp_path / "results" / "inflight").iterdir())


def test_damage_is_said_and_the_other_matrices_are_measured(base, tmp_path):
    model = tiny.build(0).model
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[3, 5] = float("nan")
        model.model.layers[0].mlp.gate_proj.weight.mul_(1.001)
    tuned = save(model, tmp_path / "damaged")
    done = diff(Asked(base, tuned, WHERE), tmp_path / "results", processes=1)
    assert verdict(done.rows).startswith("DAMAGED")
    found = {row["name"]: row for row in done.rows if row["metric"] == "norm"}
    assert found["layers.0.mlp.up_proj"]["status"] == "nonfinite" and found["layers.0.mlp.up_proj"]["value"] is None
    assert found["layers.0.mlp.gate_proj"]["value"] > 0


def test_a_folder_that_is_none_is_one_sentence_and_nothing_is_left(base, tmp_path):
    with pytest.raises(ModelError):
        diff(Asked(base, str(tmp_path / "nowhere")), tmp_path / "results")
    assert not (tmp_path / "results").exists()
