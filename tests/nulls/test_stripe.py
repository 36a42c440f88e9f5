import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.stripe import stripe


@pytest.mark.parametrize("fraction, rows", [(1 / 8, {"v": 6, "o": 4}), (1.0, {"v": 48, "o": 32}), (1e-3, {"v": 1, "o": 1})])
def test_whole_rows_move_and_the_others_do_not(fraction, rows, arm, generator):
    """Truth: counts."""
    for name, d in stripe(arm, generator, fraction).update.items():
        moved = (d != 0).sum(1)
        assert set(moved.tolist()) <= {0, d.shape[1]}
        assert int((moved > 0).sum()) == rows[name]


def test_columns_are_rows_of_the_transposed(arm, generator):
    d = stripe(arm, generator, 1 / 8, axis="columns").update["v"]
    assert sorted(set((d != 0).sum(0).tolist())) == [0, 48]
    assert int((d != 0).any(0).sum()) == 4
    with pytest.raises(MeasureError, match="unknown axis 'heads'"):
        stripe(arm, generator, axis="heads")
    with pytest.raises(MeasureError, match="fraction 2"):
        stripe(arm, generator, 2)
