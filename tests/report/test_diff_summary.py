"""The screen of a diff, from rows written by hand."""

from types import SimpleNamespace

import pytest
from harness.models.pair import Entry, Unmatched
from harness.report.diff_summary import summary
from harness.report.diff_trajectory import trajectory_summary


def about(count=4, **given):
    entries = tuple(Entry(f"layers.{i}.mlp.up_proj", i, "mlp.up_proj", (8, 8), "bfloat16", "float32") for i in range(count))
    plain = dict(entries=entries, drawn=frozenset(each.name for each in entries), unmatched=Unmatched((), (), (), ()), left_out={})
    return SimpleNamespace(**plain | dict(seconds=600.0, budget=None, troubles=(), notes=()) | given)


def line(text, label):
    """The sentence of that label, with what it was wrapped to."""
    lines = text.splitlines()
    [at] = [i for i, each in enumerate(lines) if each[2:14].strip() == label]
    more = [each for each in lines[at + 1 :]]
    wrapped = more[: next(i for i, each in enumerate(more) if not each.startswith(" " * 14))]
    return " ".join(each.strip() for each in [lines[at][14:], *wrapped])


def test_the_screen_fits_its_width_and_maps_the_layers(diff_rows):
    text = summary(diff_rows(6, kappa=(1.1, 1.0, 0.1), enrichment_uv=(1.0, 1.0, 0.1)), about(6), width=72)
    assert max(map(len, text.splitlines())) <= 72
    assert text.startswith("base -> 7/step.safetensors: bfloat16 against float32, 6 matrices")
    [shades] = [each for each in text.splitlines() if each.startswith("  mlp.up_proj")]
    assert shades.split()[-1][0] == "." and shades.split()[-1][-1] == "@" and len(shades.split()[-1]) == 6


def test_one_matrix_is_enough(diff_rows):
    assert "1 matrix\n" in summary(diff_rows(1))


def test_every_question_has_its_sentence(diff_rows):
    metrics = dict(bf16_density=(0.41, 0.4, 0.01), ulp_1=0.6, ulp_2=0.2, ulp_4=0.1, ulp_8=0.06, ulp_more=0.04)
    metrics |= dict(kappa=(40.0, 1.0, 0.1), nss=2e-3, angle=(0.12, 0.12, 0.01), angle_rounding=0.01, enrichment_uv=(0.1, 1.0, 0.02))
    metrics |= dict(stable_rank=(12.0, 30.0, 1.0), entropy_rank=40.0, energy_rank=55.0, base_stable_rank=25.0, base_entropy_rank=60.0)
    text = summary(diff_rows(**metrics), width=200)
    assert line(text, "how large") == "relative norm 2.50e-03 (median; 1.0e-03 to 4.0e-03)"
    assert line(text, "how dense") == "0.41 of the entries differ in bf16 (noise 0.4; 0 above it, 0 below)"
    assert line(text, "steps") == "of the changed entries moved by bf16 steps: 1 step: 60%, 2: 20%, 3-4: 10%, 5-8: 6%, more: 4%"
    assert line(text, "where") == "most in layer 3 (4.0e-03), least in layer 0 (1.0e-03)"
    assert line(text, "spectrum").startswith("moved more than noise moves it: kappa 40 (isotropic noise: 1), NSS 2.00e-03")
    assert line(text, "frames").startswith("turned as noise turns them: 0.12 rad") and "turns 0.01: 12 times that" in line(text, "frames")
    assert line(text, "energy").startswith("off-principal: 0.1 times chance")
    assert line(text, "rank").startswith("of the update: stable 12, entropy 40, energy 55 (noise 30; 0 above it, 4 below)")
    assert line(text, "rank").endswith("of the base: stable 25, entropy 60")


def test_what_did_not_move_is_counted_and_not_averaged(diff_rows):
    rows = diff_rows(4)
    next(row for row in rows if row["metric"] == "relative_norm")["value"] = 0.0
    assert line(summary(rows), "how large") == "relative norm 3.00e-03 (median; 2.0e-03 to 4.0e-03); 1 of 4 matrices did not move"


@pytest.mark.parametrize(("metric", "what"), [("row_stripes", "rows"), ("column_stripes", "columns")])
def test_stripes_are_named_where_beyond_noise(metric, what, diff_rows):
    rows = diff_rows(4, **{metric: (1.0, 1.0, 0.1)})
    assert "stripes" not in summary(rows)
    [first, second] = [row for row in rows if row["metric"] == metric][:2]
    first["value"], second["value"] = 3.0, 5.0
    told = line(summary(rows, width=200), "stripes")
    assert told == f"{what} stand out beyond noise in 2 of 4 (layers.1.mlp.up_proj 5, noise 1, layers.0.mlp.up_proj 3, noise 1)"


def test_what_is_not_finite_or_was_refused_is_named_with_its_reason(diff_rows):
    refused = diff_rows(4, angle={"value": None, "status": "refused", "detail": "block Krylov missed a leading direction"})
    assert line(summary(refused, width=200), "refused").startswith("4 matrices (layers.0.mlp.up_proj, layers.1.mlp.up_proj, layers.2.mlp.up_proj, ...): block")
    nan = diff_rows(1, norm={"value": None, "status": "nonfinite", "detail": "3 of 64 entries are nan"})
    assert line(summary(nan), "not finite") == "1 matrix (layers.0.mlp.up_proj): 3 of 64 entries are nan"


def test_what_is_not_compared_is_said(diff_rows):
    unmatched = Unmatched(("a", "b", "c", "d"), (), ("e",), ("f",))
    text = summary(diff_rows(), about(unmatched=unmatched, left_out={"norms": 5, "packed": 12}), width=200)
    assert "  not compared, in the base only: 4 (a, b, c, ...)\n  not compared, of two shapes: 1 (e)\n" in text
    assert "  compared once, tied: 1 (f)\n  packed, not compared: 12\n  left out, no matrices: 5 norms\n" in text


def test_routes_are_told_with_their_largest_error(diff_rows):
    nss = {"value": 1e-3, "route": "gram-fp64", "bound": 3e-5}
    angle = {"value": 0.1, "route": "krylov", "bound": 0.2}
    text = summary(diff_rows(nss=nss, kappa=nss, angle=angle, norm={"value": 1.0, "route": "exact"}), width=200)
    assert "  values: spectrum by fp64 Gram on 4 matrices (error below 3.0%); angles by block Krylov on 4 matrices (bound above the value itself 4 times); all else direct" in text
    assert "values:" not in summary(diff_rows(norm={"value": 1.0, "route": "exact"}))


def test_fp32_shifts_are_told_with_what_was_checked(diff_rows):
    text = summary(diff_rows(nss={"value": 1e-3, "route": "gram-fp32"}, fp32_error=0.03), width=200)
    assert "spectrum by fp32 Gram on 4 matrices; all else direct; fp32 shifts are off by 3.0% at most, of 4 read both ways" in text


def test_a_sample_says_how_large_it_is_and_how_sure(diff_rows):
    text = summary(diff_rows(4, kappa=1.0, bf16_density=0.5), about(32, budget=600.0), width=200)
    assert "  a sample: 4 of 32 matrices, stratified by module, in 10 min\n" in text
    assert "over all 32, geometric means (of densities the mean) and 95 % intervals: relative norm 0.00221 [0.00" in text
    assert "bf16 density 0.5 [0.5, 0.5]; kappa 1 [1, 1]" in text
    assert "a sample" not in summary(diff_rows(4), about(4, budget=600.0))


def test_nulls_on_some_matrices_are_said(diff_rows):
    rows = diff_rows(4, kappa=1.0) + diff_rows(2, angle=(1.0, 1.0, 0.1))
    assert "  null draws on 2 of 4 matrices (2 a module)" in summary(rows, about(4, drawn={f"layers.{i}.mlp.up_proj" for i in range(2)}))


def test_notes_come_last(diff_rows):
    assert summary(diff_rows(), about(notes=("the disk is full",))).endswith("\n  note: the disk is full")


def test_a_trajectory_is_a_line_a_step_and_the_last_screen(diff_rows):
    rows = diff_rows(step=100, kappa=1.5) + diff_rows(step=20, kappa=1.2) + diff_rows(step=200, kappa=(3.0, 1.0, 0.1), enrichment_uv=(1.0, 1.0, 0.1))
    text = trajectory_summary(rows, about(troubles=("step 300 is not measured: it is cut",)), width=120)
    lines = text.splitlines()
    assert lines[0] == "base -> 3 steps, 20 to 200; medians over matrices"
    assert [each.split()[0] for each in lines[3:6]] == ["20", "100", "200"]
    assert [each.split()[-1] for each in lines[3:6]] == ["-", "-", "STRUCTURED"]
    assert lines[6].strip().startswith("verdicts marked - need null draws") and lines[7] == "  step 300 is not measured: it is cut"
    assert "Step 200: base -> 7/step.safetensors" in text and lines[-1].startswith("  STRUCTURED")
