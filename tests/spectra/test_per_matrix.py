from math import inf, isnan, log, nan

import pytest

from harness.errors import MeasureError
from harness.spectra import PerMatrix

A = PerMatrix({"q": 1.0, "v": 4.0}, {"q": 10, "v": 20})
B = PerMatrix({"v": 2.0, "q": 8.0})


def test_arithmetic_goes_by_name_not_by_position():
    assert dict(A / B) == {"q": 0.125, "v": 2.0}
    assert dict(A - B) == {"q": -7.0, "v": 2.0}
    assert dict(A * B) == {"q": 8.0, "v": 8.0}
    assert dict(A + B) == {"q": 9.0, "v": 6.0}
    assert dict(A**B) == {"q": 1.0, "v": 16.0}


def test_scalars_work_on_either_side():
    assert dict(2 / A) == {"q": 2.0, "v": 0.5}
    assert dict(1 - A) == {"q": 0.0, "v": -3.0}
    assert dict(3 * A + 1) == {"q": 4.0, "v": 13.0}
    assert dict(-A) == {"q": -1.0, "v": -4.0}
    assert dict((-A).abs()) == dict(abs(-A)) == dict(A)
    assert dict(A.log()) == pytest.approx({"q": 0.0, "v": log(4)})


def test_sizes_travel_with_the_left_side():
    assert dict((A / B).sizes) == {"q": 10, "v": 20}
    assert dict((1 / A).sizes) == {"q": 10, "v": 20}
    assert dict(B.sizes) == {"v": 1, "q": 1}


def test_what_is_not_finite_is_kept():
    zero = PerMatrix({"a": 0.0, "b": 1.0, "c": -1.0})
    assert (1 / zero)["a"] == inf
    assert isnan((zero / zero)["a"])
    assert zero.log()["a"] == -inf
    assert isnan(zero.log()["c"])
    assert isnan((zero**0.5)["c"])
    assert isnan((zero + nan)["b"])


def test_values_are_python_floats():
    assert {type(value) for value in (A / B).values()} == {float}


def test_different_matrices_do_not_mix():
    with pytest.raises(MeasureError, match="differ in their matrices \\(k, v on one side only\\)"):
        A + PerMatrix({"q": 1.0, "k": 1.0})
    with pytest.raises(MeasureError, match="differ"):
        PerMatrix({"q": 1.0}, {"v": 1})


def test_empty_is_refused():
    with pytest.raises(MeasureError, match="no matrix"):
        PerMatrix({})
