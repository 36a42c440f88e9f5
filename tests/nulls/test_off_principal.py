import pytest

from harness.nulls.off_principal import off_principal
from harness.spectra import Frame, principal_energy


@pytest.mark.parametrize("k", [1, 4, 24])
def test_leading_rows_and_columns_of_the_reading_are_empty(k, arm, generator):
    """Truth: U_k^T D = 0 and D V_k = 0, not only their block; rounding is that of the noise before the projection,
    1e-16 |Z|_F, and 8 x 8 of 32 x 32 directions are left: |D|_F = |Z|_F / 4."""
    planted = off_principal(arm, generator, k=k)
    for name, w0 in arm.base.items():
        frame = Frame.of(w0)
        rounding = 1e-14 * planted.norm()[name]
        assert (frame.U[:, :k].T @ planted.update[name]).abs().max() < rounding
        assert (planted.update[name] @ frame.V[:, :k]).abs().max() < rounding
    assert max(principal_energy(planted, k=k).values()) < 1e-26


def test_by_default_it_avoids_the_block_that_the_measure_reads(arm, generator):
    assert max(principal_energy(off_principal(arm, generator)).values()) < 1e-26
