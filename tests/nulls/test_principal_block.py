import pytest

from harness.nulls.principal_block import principal_block
from harness.spectra import Frame, principal_energy, principal_enrichment


@pytest.mark.parametrize("k", [1, 4, 32])
def test_all_of_it_lies_in_the_block_and_nothing_beyond(k, arm, generator):
    """Truth: read in the whole frame, the entries outside the block are rounding."""
    planted = principal_block(arm, generator, k=k)
    for name, w0 in arm.base.items():
        reading = Frame.of(w0).read(planted.update[name])
        assert reading.block_energy(k) == pytest.approx(reading.energy, rel=1e-12)
    assert dict(principal_energy(planted, k=k)) == pytest.approx({"v": 1.0, "o": 1.0}, rel=1e-12)


def test_by_default_it_fills_the_block_that_the_measure_reads(arm, generator):
    """Limit: enrichment is mn / k^2, k an eighth of 32."""
    planted = principal_block(arm, generator)
    assert dict(principal_enrichment(planted)) == pytest.approx({"v": 96.0, "o": 64.0}, rel=1e-12)
    # A block of twice the side holds all of it at a quarter of the enrichment.
    assert dict(principal_enrichment(planted, k=8)) == pytest.approx({"v": 24.0, "o": 16.0}, rel=1e-12)
