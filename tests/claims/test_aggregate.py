import math
from collections.abc import Mapping

import numpy as np
import pytest

from harness.claims import above, below, differs, exact, fraction, greater, reduce
from harness.claims.aggregate import replicate
from harness.errors import SpecError


class Sized(Mapping):
    """Stands in for spectra's PerMatrix: a mapping with sizes."""

    def __init__(self, entries, sizes):
        self._entries, self.sizes = entries, sizes

    def __getitem__(self, name):
        return self._entries[name]

    def __iter__(self):
        return iter(self._entries)

    def __len__(self):
        return len(self._entries)


MATRICES = Sized({"q": 1.0, "k": 2.0, "up": 6.0}, {"q": 1, "k": 1, "up": 2})


@pytest.mark.parametrize(
    ("within", "value"), [("median", 2.0), ("mean", 3.0), ("min", 1.0), ("max", 6.0), ("sum", 9.0), ("weighted", 15 / 4)]
)
def test_rules(within, value):
    reduced = reduce(MATRICES, within)
    assert (reduced.value, reduced.status) == (value, "ok")
    assert reduced.names == ("q", "k", "up") and reduced.values == (1.0, 2.0, 6.0)


@pytest.mark.parametrize("number", [0.5, True, np.float32(0.5), np.array(0.5), np.bool_(True), 3], ids=repr)
def test_a_plain_number_passes(number):
    reduced = reduce(number, "median")
    assert reduced.value == float(number) and type(reduced.value) is float
    assert reduced.names is None and reduced.values is None


def test_a_flat_array_is_reduced_like_a_mapping():
    assert reduce(np.array([1.0, 2.0, 6.0]), "mean").value == 3.0
    assert reduce([1, 2, 6], "max") == reduce((1, 2, 6), "max")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("within", ["median", "min", "max", "mean", "sum"])
def test_one_non_finite_entry_is_never_dropped(within, bad):
    reduced = reduce({"q": 1.0, "k": bad, "up": 3.0}, within)
    assert (reduced.value, reduced.status) == (None, "nonfinite")
    assert reduced.values == (1.0, None, 3.0)


def test_non_finite_numbers_and_overflow():
    assert reduce(math.nan).status == "nonfinite"
    assert reduce([1e308, 1e308], "sum").status == "nonfinite"


@pytest.mark.parametrize(
    ("value", "within", "sentence"),
    [
        ({}, "median", "no entries"),
        ([], "median", "no entries"),
        (None, "median", "where a number was expected"),
        ("0.5", "median", "where a number was expected"),
        (1j, "median", "where a number was expected"),
        (object(), "median", "a object where a number"),
        (np.eye(2), "median", "a list where a number"),
        ({"q": 1.0}, "weighted", "needs a PerMatrix with sizes"),
        ({"q": 1.0}, "medain", "did you mean 'median'"),
    ],
    ids=["no mapping", "no list", "none", "text", "complex", "object", "matrix", "no sizes", "unknown rule"],
)
def test_what_cannot_be_reduced_is_refused(value, within, sentence):
    with pytest.raises(SpecError, match=sentence):
        reduce(value, within)


def test_a_pair_is_reduced_side_by_side():
    pair = replicate(({"q": 1.0, "k": 3.0}, 5.0), greater(), "mean")
    assert (pair.value, pair.value2, pair.status) == (2.0, 5.0, "ok")
    assert pair.names == ("a:q", "a:k", "b:value") and pair.values == (1.0, 3.0, 5.0)
    plain = replicate((1.0, 2.0), differs(0.1), "mean")
    assert (plain.value, plain.value2, plain.names) == (1.0, 2.0, None)


def test_a_pair_with_a_non_finite_side():
    pair = replicate((1.0, math.nan), greater(), "median")
    assert (pair.value, pair.value2, pair.status) == (1.0, None, "nonfinite")


def test_a_tuple_is_entries_where_the_bound_takes_one_number():
    assert replicate((1.0, 3.0), above(0.0), "mean").value == 2.0
    assert replicate(0.3, differs(0.1), "mean").value2 is None


@pytest.mark.parametrize(
    ("result", "bound", "value"),
    [
        (True, exact(), 1.0),
        (False, exact(), 0.0),
        ({"q": True, "k": True}, exact(), 1.0),
        ({"q": True, "k": False, "up": True}, exact(), 0.0),
        ({"q": 0, "k": 0, "up": 3}, exact(equals=0), 3.0),
    ],
)
def test_exact_takes_the_entry_farthest_from_the_stated_value(result, bound, value):
    assert replicate(result, bound, "median").value == value


def test_what_the_bound_cannot_judge_is_refused():
    with pytest.raises(SpecError, match="True or False"):
        replicate(0.7, fraction(0.5), "median")
    with pytest.raises(SpecError, match=r"must return a tuple \(a, b\)"):
        replicate(0.7, greater(), "median")


def test_the_claim_names_itself_in_the_error(make_claim):
    with pytest.raises(SpecError, match="claim 'some-paper/a-claim': the body returned None"):
        make_claim(below(1.0)).reduce(None)
