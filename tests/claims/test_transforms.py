import math

import pytest

from harness.claims.transforms import TRANSFORMS, transform
from harness.errors import SpecError

INSIDE = {"identity": [-3.0, 0.0, 1e9], "log": [1e-300, 1.0, 1e9], "logit": [1e-9, 0.5, 0.999], "fisher_z": [-0.99, 0.0, 0.7]}
OUTSIDE = {"identity": [], "log": [0.0, -1.0], "logit": [0.0, 1.0, 1.5], "fisher_z": [-1.0, 1.0, 2.0]}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_inverse_undoes_forward(name):
    t = TRANSFORMS[name]
    for x in INSIDE[name]:
        assert t.inverse(t.forward(x)) == pytest.approx(x, rel=1e-9)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_value_outside_the_domain_has_no_place(name):
    for x in [*OUTSIDE[name], math.nan, math.inf, -math.inf, None]:
        assert TRANSFORMS[name].forward(x) is None


def test_closed_forms():
    assert transform("logit").forward(0.8) == pytest.approx(math.log(4.0))
    assert transform("fisher_z").forward(0.5) == pytest.approx(0.5 * math.log(3.0))


def test_inverse_of_far_ends_neither_raises_nor_warns():
    assert transform("log").inverse(1e6) == math.inf
    assert transform("logit").inverse(-1e6) == 0.0 and transform("logit").inverse(1e6) == 1.0
    assert transform("fisher_z").inverse(-math.inf) == -1.0
    assert transform("log").inverse(-math.inf) == 0.0


def test_unknown_transform_is_named_with_its_neighbour():
    with pytest.raises(SpecError, match="unknown transform 'logs': did you mean 'log'"):
        transform("logs")
