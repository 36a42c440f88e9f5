import pytest
import torch

from harness.errors import MeasureError
from harness.nulls.low_rank import low_rank


@pytest.mark.parametrize("rank", [1, 8, 32])
def test_it_has_the_stated_rank(rank, arm, generator):
    """Truth: torch's rank in fp64."""
    for d in low_rank(arm, generator, rank).update.values():
        assert torch.linalg.matrix_rank(d).item() == rank


def test_a_rank_that_no_matrix_has_is_refused(arm, generator):
    with pytest.raises(MeasureError, match="k = 33 leading directions of a matrix that has 32"):
        low_rank(arm, generator, 33)
