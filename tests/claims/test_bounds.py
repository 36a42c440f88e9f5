import math

import pytest

from harness.claims import above, below, differs, equivalent, exact, fraction, greater
from harness.claims.bounds import Bound
from harness.errors import SpecError

ALL = [
    below(1.0, on="log"),
    above(0.25),
    equivalent(0.5, 2.0, on="log"),
    greater(0.1),
    differs(0.2, on="log"),
    fraction(0.8),
    exact(),
    exact(equals=0),
]


TEXTS = ["< 1 (log)", "> 0.25", "in [0.5, 2] (log)", "a - b > 0.1", "|a - b| > 0.2 (log)", "true in >= 0.8", "exact", "= 0 exactly"]


@pytest.mark.parametrize(("bound", "text"), list(zip(ALL, TEXTS, strict=True)), ids=TEXTS)
def test_text(bound, text):
    assert bound.text() == text


@pytest.mark.parametrize("bound", ALL, ids=Bound.text)
def test_dict_round_trip(bound):
    assert Bound.from_dict(bound.to_dict()) == bound


@pytest.mark.parametrize("bound", ALL[:6], ids=Bound.text)
def test_every_point_is_on_exactly_one_side(bound):
    """Support and refutation are complements, limits included."""
    points = [x / 64 - 4.0 for x in range(513)] + list(bound.limits())
    for x in points:
        inside = any(segment.holds(x, x) for segment in bound.support())
        outside = any(segment.holds(x, x) for segment in bound.refute())
        assert inside != outside, x


def test_limits_are_carried_to_the_judged_scale():
    assert below(2.0, on="log").limits() == (math.log(2.0),)
    assert equivalent(0.5, 2.0, on="log").limits() == (math.log(0.5), math.log(2.0))
    assert differs(0.2).limits() == (-0.2, 0.2)


def test_score_of_single_values_and_pairs():
    assert below(1.0, on="log").score(math.e) == pytest.approx(1.0)
    assert greater(on="log").score((6.0, 2.0)) == pytest.approx(math.log(3.0))
    assert differs(0.1).score(0.4) == 0.4
    assert differs(0.1).score((0.4, 0.1)) == pytest.approx(0.3)
    assert greater(on="log").score((6.0, 0.0)) is None
    assert greater().score((None, 1.0)) is None


def test_reported_is_raw_for_values_and_transformed_for_differences():
    assert below(1.0, on="log").reported(math.log(0.5)) == pytest.approx(0.5)
    assert greater(on="log").reported(math.log(0.5)) == math.log(0.5)
    assert below(1.0, on="log").reported(math.inf) is None


MALFORMED = {
    "log of zero": (lambda: below(0.0, on="log"), "outside the domain"),
    "logit of one": (lambda: below(1.0, on="logit"), "outside the domain"),
    "unknown scale": (lambda: below(1.0, on="lag"), "did you mean 'log'"),
    "nan": (lambda: above(math.nan), "finite number"),
    "text": (lambda: above("1"), "finite number"),
    "bool": (lambda: above(True), "finite number"),
    "reversed": (lambda: equivalent(2.0, 1.0), "low < high"),
    "empty": (lambda: equivalent(1.0, 1.0), "low < high"),
    "negative margin": (lambda: differs(-0.1), "must not be negative"),
    "share of one": (lambda: fraction(1.0), "for 'always' use exact"),
    "share of zero": (lambda: fraction(0.0), "strictly between"),
    "infinite": (lambda: exact(math.inf), "finite number"),
    "too long": (lambda: exact(2**60 + 1), "without rounding"),
    "unknown kind": (lambda: Bound("blow"), "did you mean 'below'"),
}


@pytest.mark.parametrize(("make", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_bound_is_refused(make, sentence):
    with pytest.raises(SpecError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("bound", "value", "sentence"),
    [
        (below(1.0), (1.0, 2.0), "one number per replicate"),
        (greater(), 1.0, "must return a pair"),
        (fraction(0.5), 0.7, "True or False"),
    ],
)
def test_a_value_that_does_not_suit_the_bound_is_refused(bound, value, sentence):
    with pytest.raises(SpecError, match=sentence):
        bound.score(value)
