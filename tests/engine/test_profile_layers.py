"""Numbers of matrices as curves over the layers, a module each."""

from harness.engine.profile_layers import KINDS, Read, layer_rows
from harness.engine.profile_rows import Number


def numbers(value, noise=0.5, **given):
    return {name: Number(value, noise) for name in ("relative_norm", "nss", "enrichment", "bf16_changed")} | given


def by_kind(reads, draws=3):
    return {(row["kind"], row["module"]): row for row in layer_rows(reads, draws)}


def test_a_module_is_a_curve_over_its_layers():
    found = by_kind([Read(5, "up", numbers(2.0)), Read(1, "up", numbers(1.0)), Read(1, "q", numbers(4.0))])
    assert set(found) == {(kind, module) for kind in KINDS for module in ("up", "q")}
    nss = found["layer_nss", "up"]
    assert (nss["x"], nss["y"], nss["reference"], nss["matrix"]) == ([1, 5], [1.0, 2.0], [0.5, 0.5], "")
    assert nss["reference_name"] == "isotropic noise of this norm, mean of 3 draws"
    assert found["layer_enrichment", "q"]["y"] == [4.0]


def test_a_norm_has_no_reference_and_bf16_one_in_closed_form():
    found = by_kind([Read(0, "up", numbers(1.0))])
    assert "reference" not in found["layer_update_norm", "up"]
    assert found["layer_bf16_changed", "up"]["reference_name"].endswith("in closed form")


def test_experts_of_a_layer_are_averaged():
    found = by_kind([Read(0, "mlp.experts.up_proj", numbers(value)) for value in (1.0, 2.0, 6.0)])
    assert (found["layer_nss", "mlp.experts.up_proj"]["x"], found["layer_nss", "mlp.experts.up_proj"]["y"]) == ([0], [3.0])


def test_a_layer_without_a_number_is_left_out_and_a_module_without_any_says_so():
    frozen = {"relative_norm": Number(0.0, None)}
    found = by_kind([Read(0, "up", frozen), Read(1, "up", numbers(1.0)), Read(0, "q", frozen)])
    assert found["layer_nss", "up"]["x"] == [1] and found["layer_update_norm", "up"]["x"] == [0, 1]
    assert found["layer_nss", "q"]["status"] == "undefined" and "not defined on any q" in found["layer_nss", "q"]["detail"]


def test_without_draws_there_is_no_reference():
    assert "reference" not in by_kind([Read(0, "up", numbers(1.0, noise=None))], draws=0)["layer_nss", "up"]
