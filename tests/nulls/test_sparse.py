import pytest

from harness.nulls.sparse import sparse
from harness.spectra import change_density


@pytest.mark.parametrize("density", [0.1, 0.5, 1.0], ids="density={:g}".format)
def test_the_stated_share_of_entries_moves_in_any_format(density, arm, generator):
    """Limit: five standard errors of 1024 or 1536 coins; no format shows an entry that did not move."""
    made = sparse(arm, generator, density)
    for name, d in made.update.items():
        error = (density * (1 - density) / d.numel()) ** 0.5
        assert (d != 0).double().mean().item() == pytest.approx(density, abs=5 * error)
        assert change_density(made, "bf16")[name] <= change_density(made, "fp32")[name] <= (d != 0).double().mean().item()
