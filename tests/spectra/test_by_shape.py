import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, by_shape


def test_the_median_of_each_shape():
    shapes = {"a": (4, 6), "b": (4, 6), "c": (4, 6), "d": (5, 5), "e": (5, 5)}
    change = Change.from_weights(*({name: torch.ones(shape) for name, shape in shapes.items()} for _ in range(2)))
    found = by_shape({"a": 1.0, "b": 9.0, "c": 2.0, "d": 5.0}, change)
    assert dict(found) == {"4x6": 2.0, "5x5": 5.0}
    assert dict(found.sizes) == {"4x6": 72, "5x5": 25}
    with pytest.raises(MeasureError, match="a PerMatrix holds no matrix"):
        by_shape({}, change)
